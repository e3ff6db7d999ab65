"""Many masks on one large image take memory by their own pixels, not by those of the image."""

import tracemalloc

import numpy as np

from gsam_edge.augmentation import Description, Sample, build, shipped_rules
from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections

COUNT, HEIGHT, WIDTH = 60, 1500, 2000
MEGABYTE = 2**20


def world():
    squares = [(20 * row, 20 * row, 60) for row in range(COUNT)]
    objects = [
        {
            "id": row + 1,
            "image_id": 1,
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [left, top, side, side],
            "area": side**2,
            "segmentation": [[left, top, left + side, top, left + side, top + side, left, top + side]],
        }
        for row, (left, top, side) in enumerate(squares)
    ]
    image = {"id": 1, "file_name": "0.png", "width": WIDTH, "height": HEIGHT}
    return Annotations((image,), tuple(objects), ({"id": 1, "name": "part"},))


def peak_mb(use):
    tracemalloc.start()
    try:
        use()
        return tracemalloc.get_traced_memory()[1] / MEGABYTE
    finally:
        tracemalloc.stop()


def test_truth_packed_and_unpacked_hold_no_mask_of_the_images_size():
    truth = world()
    whole = COUNT * HEIGHT * WIDTH / MEGABYTE
    packed = PackedDetections.pack(truth.truth(1))
    assert packed.unpack().masks.shape == (COUNT, HEIGHT, WIDTH)
    assert peak_mb(lambda: PackedDetections.pack(truth.truth(1))) < whole / 8
    assert peak_mb(packed.unpack) < whole / 8


def test_an_augmentation_moves_the_masks_some_at_a_time(monkeypatch):
    monkeypatch.setattr("gsam_edge.augmentation.mask_bits._MOST_BYTES", HEIGHT * WIDTH)
    shaky = build(Description(characteristics=(), environment={"camera": "shaky"}, intensity="high"), shipped_rules())
    sample = Sample(np.zeros((HEIGHT, WIDTH, 3), np.uint8), world().truth(1))
    shaky(sample, seed=0)
    assert peak_mb(lambda: shaky(sample, seed=0)) < COUNT * HEIGHT * WIDTH / MEGABYTE * 0.7
