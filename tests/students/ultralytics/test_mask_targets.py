"""The masks a student learns have their objects' area: as labelled, as augmented, and as inference reads them."""

import numpy as np
import pytest
from ultralytics.cfg import get_cfg

from gsam_edge.augmentation import Description, build
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.ultralytics.dataset import MemoryDataset
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.training.seed import seed_everything
from gsam_edge.vision import Detections, Letterbox
from gsam_edge.vision.masks import masks_to_xyxy

SIDE, FINE = 128, 4
OFF = dict.fromkeys(
    ("hsv_h", "hsv_s", "hsv_v", "mosaic", "mixup", "copy_paste", "cutmix", "fliplr", "flipud", "scale", "translate"),
    0.0,
)


def ellipse_or_box(rng, size):
    """Of about this width and height in pixels, some with a hole, well inside."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5).astype(np.float32)
    width, height = size * rng.uniform(0.8, 1.25, 2)
    across, down = (x - rng.uniform(40, 88)) / width, (y - rng.uniform(40, 88)) / height
    box, ellipse = (np.abs(across) < 0.5) & (np.abs(down) < 0.5), across**2 + down**2 < 0.25
    mask = box if rng.random() < 0.5 else ellipse
    return mask & ~(across**2 + down**2 < 0.03) if size > 20 and rng.random() < 0.5 else mask


def bar(rng, width):
    """A line of 50 px at any angle, this wide."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5).astype(np.float32)
    angle, (u, v) = rng.uniform(0, np.pi), rng.uniform(54, 74, 2)
    along = (x - u) * np.cos(angle) + (y - v) * np.sin(angle)
    across = (y - v) * np.cos(angle) - (x - u) * np.sin(angle)
    return (np.abs(along) < 25) & (np.abs(across) < width / 2)


def at_the_edge(rng, size):
    """Cut off by the left and the upper edge."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5).astype(np.float32)
    return ((x - rng.uniform(0, size / 3)) / size) ** 2 + ((y - rng.uniform(0, size / 3)) / size) ** 2 < 0.25


def detections(mask):
    """One object."""
    return Detections(masks_to_xyxy(mask[None]), np.ones(1, np.float32), np.zeros(1, np.int64), mask[None])


def build_dataset(masks, described=None):
    """One image with one object each."""
    labels = {f"{number}.png": detections(mask) for number, mask in enumerate(masks)}
    images = {name: np.full((SIDE, SIDE, 3), 90, np.uint8) for name in labels}
    collected = collect_labels(LabelledImages(labels, dict.fromkeys(labels, (SIDE, SIDE)), images, ("blob",)))
    hyp = get_cfg(overrides={**OFF, "augmentations": [], "overlap_mask": False})
    return MemoryDataset(
        collected, images, augmentation=described, rare_below=0.0, cache_megabytes=16, names={0: "blob"}, imgsz=SIDE,
        augment=True, hyp=hyp, task="segment",
    )  # fmt: skip


def ratios(masks, rng, described=None, scales=(0.7, 1.3)):
    """Area of each target, as a network that has learnt it would be read, by that of its mask moved likewise."""
    dataset = build_dataset(masks, described)
    step = dataset.transforms["truth"].transforms[0].transforms[-1]
    seed_everything(0)
    areas, expected = [], []
    box = Letterbox.fit((SIDE * FINE, SIDE * FINE), (SIDE, SIDE))
    for index, mask in enumerate(masks):
        scale, shift = rng.uniform(*scales), rng.uniform(-4, 4, 2)
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]], np.float32)
        step._compute_affine_matrix = lambda *_, moved=(matrix, float(scale)): moved
        (target,) = dataset[index]["masks"]
        assert (target > 0.5).any()
        whole = np.array([[0, 0, SIDE * FINE, SIDE * FINE]], np.float32)
        areas.append(box.masks_to_image(target[None].float().numpy(), whole).whole().sum() / FINE**2)
        y, x = np.mgrid[: SIDE * FINE, : SIDE * FINE]
        column, line = (((at + 0.5) / FINE - s) / scale for at, s in ((x, shift[0]), (y, shift[1])))
        inside = (column >= 0) & (line >= 0) & (column < SIDE) & (line < SIDE)
        moved = mask[line.astype(int).clip(0, SIDE - 1), column.astype(int).clip(0, SIDE - 1)] & inside
        expected.append(moved.sum() / FINE**2)
    return np.array(areas) / np.array(expected)


BANDS = [(ellipse_or_box, size) for size in (6, 8, 12, 20, 40)] + [(bar, width) for width in (2, 3, 5, 8)]


@pytest.mark.parametrize(("shape", "size"), [*BANDS, (at_the_edge, 16), (at_the_edge, 40)])
def test_masks_of_every_size_and_thickness_have_their_area(shape, size):
    """A cell is 4 px: objects down to 4 px, lines down to half a cell. Ultralytics' own are 8 to 60 % too large."""
    rng = np.random.default_rng(size)
    masks = [shape(rng, size) for _ in range(40)]
    found = ratios([mask for mask in masks if mask.any()], rng)
    assert found.mean() == pytest.approx(1, abs=0.03 + 0.1 * found.std() / np.sqrt(len(found)))


@pytest.mark.parametrize("size", [12, 40])
def test_masks_keep_their_area_on_the_way_of_a_description(size, augmentation_rules):
    nothing = build(Description(characteristics=(), environment={}, intensity="high"), augmentation_rules)
    rng = np.random.default_rng(size)
    found = ratios([ellipse_or_box(rng, size) for _ in range(40)], rng, nothing)
    assert found.mean() == pytest.approx(1, abs=0.03)
