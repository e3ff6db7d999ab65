"""A plain image lies on its canvas as at inference, and says how it was mirrored."""

import numpy as np
import pytest
import torch
from ultralytics.cfg import get_cfg

from gsam_edge.students.images import LabelledImages
from gsam_edge.students.ultralytics.dataset import MemoryDataset
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.vision import Detections, Letterbox

SIDE = 64
HW = (30, 55)


def labelled() -> LabelledImages:
    """Two images of another shape than the canvas, with an object each, in its left upper part."""
    rng = np.random.default_rng(0)
    images = {f"{number}.png": rng.integers(0, 256, (*HW, 3), np.uint8) for number in range(2)}
    mask = np.zeros((1, *HW), bool)
    mask[:, 5:15, 10:30] = True
    objects = Detections(np.array([[10, 5, 30, 15]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64), mask)
    return LabelledImages(dict.fromkeys(images, objects), dict.fromkeys(images, HW), images, ("thing",))


def dataset(fliplr: float, flipud: float) -> MemoryDataset:
    hyp = get_cfg(overrides={
        "mosaic": 1.0, "mixup": 0.5, "degrees": 20.0, "fliplr": fliplr, "flipud": flipud, "hsv_h": 0.0, "hsv_s": 0.0,
        "hsv_v": 0.0, "overlap_mask": False, "augmentations": [],
    })  # fmt: skip
    return MemoryDataset(
        collect_labels(labelled()), labelled().images, augmentation=None, rare_below=0, cache_megabytes=1,
        names={0: "thing"}, imgsz=SIDE, batch_size=2, augment=True, hyp=hyp, stride=32, task="segment",
    )  # fmt: skip


@pytest.mark.parametrize(("fliplr", "flipud"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_a_plain_image_is_the_letterboxed_one_mirrored_as_it_says(fliplr, flipud):
    """Pixel by pixel, with its box where the letterbox puts it."""
    data = dataset(fliplr, flipud)
    shown = data[2 * len(data)]
    assert shown["plain"]
    assert shown["flipped"] == (fliplr == 1, flipud == 1)
    box = Letterbox.fit(HW, (SIDE, SIDE))
    canvas = torch.from_numpy(box.image(labelled().images["0.png"])).permute(2, 0, 1)
    axes = [axis for axis, flipped in ((2, fliplr), (1, flipud)) if flipped]
    assert torch.equal(shown["img"], canvas.flip(axes))
    left, top, right, bottom = box.boxes_to_canvas(np.array([[10, 5, 30, 15]], np.float32))[0] / SIDE
    x, y = (left + right) / 2, (top + bottom) / 2
    wanted = [1 - x if fliplr else x, 1 - y if flipud else y, right - left, bottom - top]
    np.testing.assert_allclose(shown["bboxes"][0], wanted, atol=0.02)
    assert shown["cls"].tolist() == [[0.0]]


def test_plain_and_other_images_share_a_batch():
    data = dataset(0.5, 0.5)
    batch = data.collate_fn([data[index] for index in (4, 1, 3, 5)])
    assert batch["plain"] == (True, False, False, True)
    assert [name for name, is_plain in zip(batch["im_file"], batch["plain"], strict=True) if is_plain] == [
        "0.png", "1.png"
    ]  # fmt: skip
    assert batch["img"].shape == (4, 3, SIDE, SIDE)
