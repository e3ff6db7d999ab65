"""Where data hold boxes and masks, the box that is learnt is the data's, not the one around the mask."""

from dataclasses import replace

import numpy as np
import pytest
from ultralytics.cfg import get_cfg

from gsam_edge.augmentation import Description, build
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.ultralytics.dataset import MemoryDataset
from gsam_edge.students.ultralytics.imports import RandomPerspective
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.students.ultralytics.own_boxes import box_differs_from_mask
from gsam_edge.training.seed import seed_everything
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import cxcywh_to_xyxy
from gsam_edge.vision.masks import CroppedMasks

SIDE = 96
OFF = dict.fromkeys(
    ("hsv_h", "hsv_s", "hsv_v", "mosaic", "mixup", "copy_paste", "cutmix", "fliplr", "flipud", "scale", "translate"),
    0.0,
)


def draw(rng, *, loose: bool) -> Detections:
    """Two ellipses well inside; every second box is larger than its ellipse where boxes are loose."""
    lines, columns = np.mgrid[:SIDE, :SIDE]
    masks, boxes = [], []
    for row in range(2):
        x, y = rng.integers(24, SIDE - 24, 2)
        a, b = rng.integers(6, 14, 2)
        mask = ((columns + 0.5 - x) / a) ** 2 + ((lines + 0.5 - y) / b) ** 2 < 1
        wider = rng.integers(2, 9, 4) if loose and row else np.zeros(4)
        masks.append(mask)
        boxes.append([x - a - wider[0], y - b - wider[1], x + a + wider[2], y + b + wider[3]])
    return Detections(np.array(boxes, np.float32), np.ones(2, np.float32), np.zeros(2, np.int64), np.stack(masks))


def build_dataset(labels, described=None, **augmentation):
    images = {name: np.full((SIDE, SIDE, 3), 90, np.uint8) for name in labels}
    labelled = LabelledImages(labels, dict.fromkeys(labels, (SIDE, SIDE)), images, ("blob",))
    hyp = get_cfg(overrides={**OFF, "augmentations": [], "overlap_mask": False, "mask_ratio": 1, **augmentation})
    collected = collect_labels(labelled)
    dataset = MemoryDataset(
        collected, images, augmentation=described, rare_below=9.0, cache_megabytes=1, names={0: "blob"}, imgsz=SIDE,
        augment=True, hyp=hyp, task="segment",
    )  # fmt: skip
    return dataset, collected.table


def samples(dataset, seed):
    """Rows, boxes (corners in pixels) and masks of each image, drawn from the seed."""
    seed_everything(seed)
    drawn = [dataset[index] for index in range(len(dataset))]
    return [
        (one["cls"][:, 0].long().numpy(), cxcywh_to_xyxy(one["bboxes"].numpy()) * SIDE, one["masks"]) for one in drawn
    ]


AUGMENTATIONS = [
    {},
    {"fliplr": 1.0},
    {"fliplr": 0.5, "flipud": 0.5, "scale": 0.4, "translate": 0.2},
    {"degrees": 30.0, "scale": 0.2},
    {"mosaic": 1.0, "scale": 0.3, "translate": 0.1},
    {"mosaic": 1.0, "mixup": 1.0, "degrees": 10.0},
]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
@pytest.mark.parametrize("seed", range(4))
def test_the_target_is_the_transformed_own_box(augmentation, seed):
    """Measured against the same boxes without masks, which Ultralytics moves by their corners."""
    assert_own_boxes(seed, None, augmentation)


@pytest.mark.parametrize("augmentation", [{}, {"mosaic": 1.0, "fliplr": 0.5, "scale": 0.2}])
@pytest.mark.parametrize("seed", range(3))
def test_own_boxes_go_through_what_a_description_asks_for(augmentation, augmentation_rules, seed):
    words = Description(
        characteristics=("changes_size", "any_orientation"), environment={"distance": "variable"}, intensity="high"
    )
    assert_own_boxes(seed, build(words, augmentation_rules), augmentation)


def assert_own_boxes(seed, described, augmentation):
    rng = np.random.default_rng(seed)
    labels = {f"{number}.png": draw(rng, loose=True) for number in range(4)}
    masked, table = build_dataset(labels, described, **augmentation)
    boxes_only, _ = build_dataset(
        {name: replace(objects, masks=None) for name, objects in labels.items()}, described, **augmentation
    )
    assert table.own_box.tolist() == [False, True] * 4
    seen = 0
    for (rows, boxes, _), (all_rows, expected, _) in zip(samples(masked, seed), samples(boxes_only, seed), strict=True):
        for row, box in zip(rows, boxes, strict=True):
            if table.own_box[row]:
                distance = np.abs(expected[all_rows == row] - box).max(axis=1)
                assert distance.min() < 0.02
                seen += 1
    assert seen > 0


@pytest.mark.parametrize("loose", [False, True])
def test_boxes_of_masks_are_what_ultralytics_makes_of_them_to_the_last_bit(loose):
    """Also those of tight objects beside loose ones."""
    rng = np.random.default_rng(1)
    labels = {f"{number}.png": draw(rng, loose=loose) for number in range(6)}
    augmentation = {"mosaic": 0.5, "degrees": 20.0, "scale": 0.4, "fliplr": 0.5, "mixup": 0.3}
    dataset, table = build_dataset(labels, **augmentation)
    ours = samples(dataset, 0)
    steps = dataset.transforms["truth"].transforms[0].transforms
    settings = {name: value for name, value in vars(steps[-1]).items() if name != "_own_box"}
    steps[-1] = RandomPerspective(**settings)
    compared = 0
    for (rows, boxes, masks), (all_rows, expected, all_masks) in zip(ours, samples(dataset, 0), strict=True):
        tight, all_tight = ~table.own_box[rows], ~table.own_box[all_rows]
        assert np.array_equal(boxes[tight], expected[all_tight])
        assert np.array_equal(masks[tight], all_masks[all_tight])
        compared += int(tight.sum())
    assert compared >= 6


def test_pasted_objects_have_their_own_boxes_mirrored():
    labels = {"0.png": Detections(
        np.array([[4, 20, 30, 50]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64),
        np.zeros((1, SIDE, SIDE), bool),
    )}  # fmt: skip
    labels["0.png"].masks[0, 25:45, 10:24] = True
    dataset, _ = build_dataset(labels, copy_paste=1.0)
    ((rows, boxes, _),) = samples(dataset, 0)
    assert rows.tolist() == [0, 0]
    np.testing.assert_allclose(boxes, [[4, 20, 30, 50], [SIDE - 30, 20, SIDE - 4, 50]], atol=0.01)


def test_an_own_box_ends_where_the_picture_does_and_goes_with_its_object():
    """Shifted out to the left: of the first object all is gone, of the second its loose box reaches the border."""
    masks = np.zeros((2, SIDE, SIDE), bool)
    masks[0, 10:20, 2:12] = True
    masks[1, 40:60, 60:80] = True
    xyxy = np.array([[0, 5, 60, 25], [30, 30, 90, 70]], np.float32)
    labels = {"0.png": Detections(xyxy, np.ones(2, np.float32), np.zeros(2, np.int64), masks)}
    dataset, table = build_dataset(labels)
    assert table.own_box.all()
    perspective = dataset.transforms["truth"].transforms[0].transforms[-1]
    shifted = np.array([[1, 0, -50], [0, 1, 0], [0, 0, 1]], np.float32)
    perspective._compute_affine_matrix = lambda *_: (shifted, 1.0)
    ((rows, boxes, _),) = samples(dataset, 0)
    assert rows.tolist() == [1]
    np.testing.assert_allclose(boxes, [[0, 30, 40, 70]], atol=0.01)


def test_only_a_box_that_is_not_its_masks_is_an_own_one():
    masks = np.zeros((4, 20, 20), bool)
    masks[:3, 5:10, 5:12] = True
    xyxy = np.array([[5, 5, 12, 10], [4.1, 5, 12.9, 10], [3, 5, 12, 10], [1, 1, 3, 3]], np.float32)
    cropped = CroppedMasks.crop((20, 20), masks)
    assert box_differs_from_mask(xyxy, cropped).tolist() == [False, False, True, False]
    assert box_differs_from_mask(xyxy, None).tolist() == [False] * 4
    assert box_differs_from_mask(xyxy[:0], cropped[[]]).tolist() == []
