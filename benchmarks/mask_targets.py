"""Claim: the masks that a student learns have the area of the labelled ones to 3 % at every size, and take no longer.

    python benchmarks/mask_targets.py [--images 150] [--steps 60] [--seeds 0]

Measured on the shipped sample at the network's 256 px, before (outlines through the middle of pixels, filled with their
edge by Ultralytics) and after, in turns. A target's area is that of the mask that inference would read of it, by that
of the labelled mask; processor time is that of images with the base parameters' mosaic, mixup and scaling.
With `--steps` above 0 a student is trained on the truth of 120 images from the shipped start either way, and measured
on 50 others: COCO's figures, and the area of the masks that it finds (mask IoU above 0.5) by that of the labelled ones.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from gsam_edge.coco import Annotations
from gsam_edge.datasets.models import StudentBaseDataset
from gsam_edge.distill.arms.distillation import score_student
from gsam_edge.students.choice import StudentConfig, choose_student
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.dataset import MemoryDataset
from gsam_edge.students.ultralytics.imports import Format
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.training.checkpoints import NoCheckpoints
from gsam_edge.training.metrics import discard_metric
from gsam_edge.training.run import Run
from gsam_edge.training.seed import seed_everything
from gsam_edge.vision import Letterbox

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "01_raw" / "sample"
SIDE = 256
BANDS = (0, 300, 1000, 10**9)  # px of the network's input
HOUSE = "gsam_edge.students.ultralytics"


def contour_polygon(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """The outline of before: through the middle of the outermost pixels, stretched to the mask's box."""
    from ultralytics.data.converter import merge_multi_segment  # the package imports it first, in its own way

    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    parts = [contour.reshape(-1, 2).astype(np.float32) for contour in contours]
    joined = parts[0] if len(parts) == 1 else np.concatenate(merge_multi_segment(parts), axis=0).astype(np.float32)
    first, last = joined.min(0), joined.max(0)
    if (last == first).any():
        left, top, right, bottom = *first, *(last + 1)
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return first + (joined - first) * ((last + 1 - first) / (last - first))


def filled_masks(polygons: Sequence[NDArray[np.float32]], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The masks of before, of `contour_polygon`."""
    masks = np.zeros((len(polygons), *image_hw), np.uint8)
    for mask, polygon in zip(masks, polygons, strict=True):
        first, end = polygon.min(0), polygon.max(0)
        last = np.maximum(end - 1, first)
        named = first + (polygon - first) * ((last - first) / (end - first))
        cv2.fillPoly(mask, [np.rint(named).astype(np.int32)], 1)
    return masks.astype(bool)


@contextmanager
def as_it_was(before: bool) -> Iterator[None]:
    """Puts the outlines, masks and targets of before in place of today's."""
    with ExitStack() as stack:
        if before:
            stack.enter_context(patch(f"{HOUSE}.polygons.mask_polygon", contour_polygon))
            stack.enter_context(patch(f"{HOUSE}.dataset.polygon_masks", filled_masks))
            stack.enter_context(patch.object(MemoryDataset, "format_class", Format))
        yield


class Images(dict[str, NDArray[np.uint8]]):
    """The sample's images, each read once."""

    def __missing__(self, name: str) -> NDArray[np.uint8]:
        self[name] = np.asarray(Image.open(SAMPLE / name).convert("RGB"))
        return self[name]


def dataset(data: LabelledImages, config: StudentTrainingConfig, *, still: bool) -> MemoryDataset:
    """The training's data set, with all changes of the images off, or as the base parameters say."""
    from ultralytics.cfg import get_cfg

    changes = config.ultralytics.model_dump()
    hyp = get_cfg(
        overrides={**(dict.fromkeys(changes, 0.0) if still else changes), "augmentations": [], "overlap_mask": False}
    )
    names = dict(enumerate(data.class_names))
    return MemoryDataset(
        collect_labels(data), data.images, augmentation=None, rare_below=config.rare_below, cache_megabytes=512,
        names=names, imgsz=SIDE, augment=True, hyp=hyp, task="segment",
    )  # fmt: skip


def areas(data: LabelledImages, config: StudentTrainingConfig) -> NDArray[np.float64]:
    """True area in px of the network's input and the target's by it, [N, 2]."""
    true = [mask for name in data.labels for mask in data.labels[name].masks]  # type: ignore[union-attr]
    found = []
    drawn = dataset(data, config, still=True)
    for index in range(len(drawn)):
        sample = drawn[index]
        for row, target in zip(sample["cls"][:, 0].long().tolist(), sample["masks"], strict=True):
            height, width = true[row].shape
            box = Letterbox.fit((height, width), (SIDE, SIDE))
            whole = np.array([[0, 0, width, height]], np.float32)
            read = box.masks_to_image(target[None].float().numpy(), whole).whole().sum()
            found.append((true[row].sum() * (SIDE / max(height, width)) ** 2, read / true[row].sum()))
    return np.array(found)


def milliseconds(data: LabelledImages, config: StudentTrainingConfig, count: int) -> float:
    """Processor time of an image with its targets, augmented."""
    drawn = dataset(data, config, still=False)
    drawn.fill_cache()
    seed_everything(0)
    started = time.process_time()
    for index in range(count):
        drawn[index % len(drawn)]
    return (time.process_time() - started) / count * 1e3


def trained(
    full: Annotations, images: Images, conf: dict[str, Any], config: StudentTrainingConfig, seed: int
) -> dict[str, float]:
    """Trains a student on 120 images' truth and measures it on 50 others."""
    ids = np.random.default_rng(0).permutation([image["id"] for image in full.images]).tolist()
    train, test = full.subset(ids[:120]), full.subset(ids[-50:])
    choice = choose_student(train, StudentConfig(**conf["student"]))
    start = StudentBaseDataset(filepath=str(ROOT / "data/06_models/base/student/student.safetensors")).load()
    answer = family_of(choice.architecture).train(
        LabelledImages.of_split(train, images, None), choice, config, losses={}, pseudo_weight=0.0, initial=start,
        validate=None, run=Run(discard_metric, NoCheckpoints(), seed, torch.device("cpu")),
    )  # fmt: skip
    predict = StudentPredictor(answer.weights, score_threshold=0.001, device=torch.device("cpu"))
    ratios = []
    for image in test.images:
        truth, found = test.truth(image["id"]), predict(images[image["file_name"]])
        for mask in truth.masks:  # type: ignore[union-attr]
            shared = (found.masks & mask).sum((1, 2))  # type: ignore[operator]
            overlap = shared / np.maximum((found.masks | mask).sum((1, 2)), 1)  # type: ignore[operator]
            if len(overlap) and overlap.max() > 0.5:
                ratios.append(found.masks[overlap.argmax()].sum() / mask.sum())  # type: ignore[index]
    metrics = dict(score_student(predict, test, images).metrics)
    return {**metrics, "area": float(np.mean(ratios)), "objects": float(len(ratios))}


def main() -> None:
    """Measures both, prints a table, and one line of JSON for each training."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=150)
    arguments.add_argument("--steps", type=int, default=60)
    arguments.add_argument("--seeds", type=int, nargs="*", default=[0])
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    text = (ROOT / "conf/base/parameters_distillation.yml").read_text().replace('"${globals:suppression_iou}"', "0.6")
    conf = yaml.safe_load(text)
    schedule = {"steps": chosen.steps, "validate_every": chosen.steps, "warmup_steps": chosen.steps // 6}
    own = {**schedule, "close_mosaic_steps": chosen.steps // 3} if chosen.steps else {}
    config = StudentTrainingConfig(**{**conf["distillation"]["training"], **own})
    full = Annotations.from_coco(json.loads((SAMPLE / "annotations.json").read_text()))
    images = Images()
    few = full.subset([image["id"] for image in full.images][: chosen.images])
    data = LabelledImages.of_split(few, images, None)

    table = Table("targets", *(f"{low} to {high} px" for low, high in pairwise(BANDS)), "ms an image")
    times: dict[bool, float] = {}
    for before in (True, False) * 3:
        with as_it_was(before):
            times[before] = min(milliseconds(data, config, 60), times.get(before, np.inf))
    for before, name in ((True, "before"), (False, "after")):
        with as_it_was(before):
            found = areas(data, config)
        means = [found[(found[:, 0] >= low) & (found[:, 0] < high), 1].mean() for low, high in pairwise(BANDS)]
        table.add_row(name, *(f"{mean:.3f}" for mean in means), f"{times[before]:.1f}")
    Console().print(table)
    for seed in chosen.seeds if chosen.steps else ():
        for before in (True, False):
            with as_it_was(before):
                print(
                    json.dumps({"before": before, "seed": seed, **trained(full, images, conf, config, seed)}),
                    flush=True,
                )


if __name__ == "__main__":
    main()
