"""Claim: an epoch with pseudo-labels takes at most 1.2 times a plain epoch of Ultralytics on the same images.

    python benchmarks/distillation_cost.py [--images 64] [--epochs 4] [--rounds 2]

Images of the shipped sample with their masks. Plain is Ultralytics' own trainer, YOLOv8n-seg, on the images and
polygons written as files and cached in memory. Ours is the same network with half of the images as pseudo-labels: two
pools, two losses, weights for every object and every fourth object ignored. Both with the augmentation, batch and
optimiser of conf/base and without the augmentation in words, which Ultralytics does not have. They take turns in one
process on one thread; the first epoch of each, which fills the memory, does not count. Processor time.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
import yaml
from PIL import Image

from gsam_edge.coco import Annotations
from gsam_edge.students.choice import EdgeConfig, StudentChoice, StudentConfig
from gsam_edge.students.images import LabelledImages, LabelWeights
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.training.checkpoints import NoCheckpoints
from gsam_edge.training.run import Run

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "01_raw" / "sample"
SIDE = 256


def labelled_images(count: int) -> LabelledImages:
    """Returns images of the sample; every second one has pseudo-labels, every fourth object of these is ignored."""
    sample = Annotations.from_json((SAMPLE / "annotations.json").read_bytes())
    split = sample.subset([image["id"] for image in sample.images[:count]])
    images = {record["file_name"]: np.array(Image.open(SAMPLE / record["file_name"])) for record in split.images}
    data = LabelledImages.of_split(split, images, None)
    pseudo = list(images)[::2]
    weights = {}
    for name in pseudo:
        full = LabelWeights.full(len(data.labels[name]))
        weights[name] = LabelWeights(full.classes, full.boxes, full.masks, ignored=np.arange(len(full)) % 4 == 3)
    return LabelledImages(data.labels, data.image_hw, images, data.class_names, None, weights, frozenset(pseudo))


def write_for_ultralytics(data: LabelledImages, folder: Path) -> Path:
    """Writes images and polygons as Ultralytics reads them; returns its dataset file."""
    collected = collect_labels(data)
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for number, record in enumerate(collected.records):
        Image.fromarray(data.images[record["im_file"]]).save(folder / "images" / f"{number}.png")
        rows = record["cls"][:, 0].astype(int)
        lines = [
            " ".join([str(int(collected.table.class_ids[row])), *(f"{value:.6f}" for value in polygon.ravel())])
            for row, polygon in zip(rows, record["segments"], strict=True)
        ]
        (folder / "labels" / f"{number}.txt").write_text("\n".join(lines))
    names = dict(enumerate(data.class_names))
    content = {"path": str(folder), "train": "images", "val": "images", "names": names}
    (folder / "data.yaml").write_text(yaml.safe_dump(content))
    return folder / "data.yaml"


def plain_epochs(dataset: Path, folder: Path, config: StudentTrainingConfig, epochs: int) -> list[float]:
    """Returns the processor seconds of each epoch of Ultralytics' trainer but the first."""
    from ultralytics.models.yolo.segment import SegmentationTrainer

    mixing = config.ultralytics.model_dump()
    trainer = SegmentationTrainer(
        overrides={
            "model": "yolov8n-seg.yaml",
            "data": str(dataset),
            "epochs": epochs,
            "batch": config.batch_size,
            "nbs": config.batch_size,
            "imgsz": SIDE,
            "optimizer": config.optimizer,
            "lr0": config.learning_rate,
            "close_mosaic": 0,
            "cache": "ram",
            "workers": 0,
            "device": "cpu",
            "amp": False,
            "val": False,
            "save": False,
            "plots": False,
            "augmentations": [],
            "project": str(folder),
            **mixing,
        }
    )
    marks: list[float] = []
    trainer.add_callback("on_train_epoch_start", lambda _: marks.append(time.process_time()))
    trainer.validate = lambda: ({}, 0.0)
    trainer.final_eval = lambda: None
    trainer.train()
    return np.diff(marks)[1:].tolist()


def student_of(size: str, image_size: int) -> StudentConfig:
    """Returns a YOLOv8-seg of a size (n, s ...) for images of a side in pixels."""
    edge = EdgeConfig(max_detections=100, candidates=300, iou_threshold=0.7, nms_iterations=16, score_floor=0.001)
    return StudentConfig(architecture="yolov8-seg", size=size, least_start=0.5, image_size=image_size, edge=edge)


def our_epochs(data: LabelledImages, student: StudentConfig, config: StudentTrainingConfig, epochs: int) -> list[float]:
    """Returns the processor seconds between two validations of our trainer but the first."""
    marks: list[float] = []
    steps = len(data.labels) // config.batch_size
    own = config.model_copy(
        update={"steps": steps * epochs, "validate_every": steps, "truth_only": 0.0, "close_mosaic_steps": 0}
    )
    family_of("yolov8-seg").train(
        data,
        StudentChoice("yolov8-seg", student, "a benchmark"),
        own,
        losses={},
        pseudo_weight=1.0,
        initial=None,
        validate=None,
        run=Run(
            lambda name, value, step: marks.append(time.process_time()) if name.endswith("learning_rate") else None,
            NoCheckpoints(),
            0,
            torch.device("cpu"),
        ),
    )
    return np.diff(marks).tolist()


def main() -> None:
    """Trains in turns and prints seconds and their ratio."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=64)
    arguments.add_argument("--epochs", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=2)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    parameters = yaml.safe_load((ROOT / "conf" / "base" / "parameters_distillation.yml").read_text())
    config = StudentTrainingConfig(**parameters["distillation"]["training"])
    data = labelled_images(chosen.images)
    plain: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        dataset = write_for_ultralytics(data, Path(name))
        for _ in range(chosen.rounds):
            plain += plain_epochs(dataset, Path(name), config, chosen.epochs)
            ours += our_epochs(data, student_of("n", SIDE), config, chosen.epochs)
    ratio = median(ours) / median(plain)
    print(
        f"{chosen.images} images an epoch, processor time, medians of {len(ours)} and {len(plain)} epochs: "
        f"with pseudo-labels {median(ours):.2f} s, plain {median(plain):.2f} s, ratio {ratio:.2f}"
    )
    print("ours", [round(value, 2) for value in ours], "plain", [round(value, 2) for value in plain])
    if ratio > 1.2:
        raise SystemExit("expected at most 1.2")


if __name__ == "__main__":
    main()
