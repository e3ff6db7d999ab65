"""Claim: from image file to final boxes and masks, at most 0.6 times the processor time of Ultralytics' predict.

    python benchmarks/predict_speed.py [--weights student_weights.safetensors] [--sides 256 640] [--images 200]

Both run an ONNX file of the same weights in ONNX Runtime with one thread, this project's own and the one that
Ultralytics exports, with the same thresholds, on the same files in turns: images of the sample, and of the folders that
`--photographs` names. Processor time is that of the whole process. Without `--weights` the student is the shipped
start, whose heads are random; then the score that counts is the one that ten objects of an image reach in the middle of
eight images. Answers are compared object by object: the share of Ultralytics' that ours has too, of the same class with
a box IoU of 0.9. They are not all the same, since Ultralytics shrinks images without looking at every pixel (OpenCV's
bilinear) and we do not; where nothing is shrunk they are. The last columns are `Detector.file` with a JPEG's size
reduced while it is decoded, which answers differently in as many objects as they say.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gsam_edge.datasets.models import StudentBaseDataset
from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.runtime import Detector
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.students.ultralytics.network import build_network, new_network, start_from
from gsam_edge.students.weights import StudentWeights
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "01_raw" / "sample" / "images"
START = ROOT / "data" / "06_models" / "base" / "student" / "student.safetensors"
EDGE = EdgeConfig(max_detections=100, candidates=300, iou_threshold=0.6, nms_iterations=16, score_floor=0.001)
MAX_PIXELS = 120_000_000
SAME_BOX = 0.9


def student(path: Path | None, side: int) -> StudentWeights:
    """Returns the student of a file at another input size, or one of the shipped start with random heads."""
    if path is not None:
        given = StudentWeights.from_bytes(path.read_bytes())
        return StudentWeights(given.architecture, given.size, given.class_names, side, EDGE, given.tensors)
    torch.manual_seed(0)
    classes = ("open ear of bag", "tied ear of bag", "oily spot", "torn spot", "text label", "barcode label")
    network = new_network("yolov8-seg", "n", len(classes))
    start_from(network, classes, StudentBaseDataset(filepath=str(START)).load())
    return StudentWeights("yolov8-seg", "n", classes, side, EDGE, network.state_dict())


def theirs(weights: StudentWeights, folder: Path, threshold: float, native_masks: bool) -> Callable[[Path], Detections]:
    """Exports the network by Ultralytics and returns its predict, one thread, answers in the image's pixels."""
    import onnxruntime
    from ultralytics import YOLO

    network = build_network(weights)
    network.names = dict(enumerate(weights.class_names))
    network.args = {"task": "segment", "imgsz": weights.image_size}
    source = folder / "theirs.pt"
    torch.save({"model": network, "train_args": network.args}, source)
    file = YOLO(source, task="segment").export(format="onnx", imgsz=weights.image_size, verbose=False)
    model = YOLO(file, task="segment")
    options = onnxruntime.SessionOptions

    def one_thread() -> Any:
        limited = options()
        limited.intra_op_num_threads = 1
        return limited

    session = onnxruntime.InferenceSession

    def limited_session(path: Any, given: Any = None, **more: Any) -> Any:
        return session(path, given or one_thread(), **more)

    settings = {
        "imgsz": weights.image_size,
        "conf": threshold,
        "iou": EDGE.iou_threshold,
        "max_det": EDGE.max_detections,
        "retina_masks": native_masks,
        "device": "cpu",
        "verbose": False,
        "save": False,
    }

    def predict(path: Path) -> Detections:
        (result,) = model.predict(str(path), **settings)
        boxes = result.boxes.data.numpy()
        masks = None if result.masks is None else result.masks.data.numpy().astype(bool)
        return Detections(boxes[:, :4], boxes[:, 4], boxes[:, 5].astype(np.int64), masks)

    with patch.object(onnxruntime, "InferenceSession", limited_session):
        predict(next(iter(sorted(SAMPLE.iterdir()))))  # loads the model
    return predict


def common_threshold(detector: Detector, files: Sequence[Path]) -> float:
    """Returns the score that ten objects of an image reach, the median of some images."""
    found = [detector.file(file, max_pixels=MAX_PIXELS).scores for file in files[:8]]
    return float(statistics.median(sorted(scores)[-10] for scores in found if len(scores) >= 10))


def shared(ours: Detections, reference: Detections) -> int:
    """Returns how many of the reference's objects are ours too."""
    if not len(ours) or not len(reference):
        return 0
    same = (box_iou(reference.xyxy, ours.xyxy) >= SAME_BOX) & (reference.class_ids[:, None] == ours.class_ids)
    return int(same.any(axis=1).sum())


def compare(weights: StudentWeights, files: Sequence[Path], threshold: float | None, native_masks: bool) -> list[str]:
    """Returns the figures of a row: objects, milliseconds, their ratio and agreement."""
    exported = to_onnx(StudentModule(EdgeStudent(weights), weights.card), OnnxConfig(opset=17))
    if threshold is None:
        every = Detector.open(exported, ".onnx", score_threshold=0, threads=1)
        threshold = common_threshold(every, files)
    detector = Detector.open(exported, ".onnx", score_threshold=threshold, threads=1)
    with TemporaryDirectory(prefix="gsam_edge_predict_") as folder:
        ways: dict[str, Callable[[Path], Detections]] = {
            "theirs": theirs(weights, Path(folder), threshold, native_masks),
            "ours": lambda file: detector.file(file, max_pixels=MAX_PIXELS, reduced=False),
            "reduced": lambda file: detector.file(file, max_pixels=MAX_PIXELS, reduced=True),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        objects = agreed = reduced_agreed = ours = 0
        for row, file in enumerate([files[0], *files]):
            answers = {}
            for name, way in ways.items():
                start = time.process_time()
                answers[name] = way(file)
                if row:  # the first file warms up
                    taken[name].append((time.process_time() - start) * 1e3)
            objects += len(answers["theirs"])
            ours += len(answers["ours"])
            agreed += shared(answers["ours"], answers["theirs"])
            reduced_agreed += shared(answers["reduced"], answers["ours"])
    median = {name: statistics.median(values) for name, values in taken.items()}
    return [
        f"{threshold:.4f}",
        str(objects),
        str(ours),
        f"{median['theirs']:.1f}",
        f"{median['ours']:.1f}",
        f"{median['ours'] / median['theirs']:.2f}",
        f"{agreed / max(objects, 1):.3f}",
        f"{median['reduced']:.1f}",
        f"{median['reduced'] / median['theirs']:.2f}",
        f"{reduced_agreed / max(ours, 1):.3f}",
    ]


def main() -> None:
    """Prints a row for each folder and size of the input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="a student of this project; the shipped start if not given")
    parser.add_argument("--threshold", type=float, help="0..1, least score; that of ten objects an image if not given")
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 640], help="network input, pixels")
    parser.add_argument("--images", type=int, default=200, help="of each folder")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[], help="folders of JPEG files")
    parser.add_argument("--native-masks", action="store_true", help="Ultralytics' masks in the image's size, as ours")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    counts, whole, reduced = ("score", "objects", "ours"), ("theirs ms", "ours ms", "ratio", "found too"), "reduced ms"
    table = Table("images", "side", *counts, *whole, reduced, "ratio", "as whole")
    for folder in [SAMPLE, *arguments.photographs]:
        files = sorted(folder.glob("*.jpg"))[: arguments.images]
        for side in arguments.sides:
            weights = student(arguments.weights, side)
            figures = compare(weights, files, arguments.threshold, arguments.native_masks)
            table.add_row(f"{len(files)} of {folder.name}", str(side), *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
