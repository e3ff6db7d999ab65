"""Claim: a JPEG decoded at a reduced size, where the network has no room for its pixels, costs no accuracy.

    python benchmarks/reduced_jpeg.py [--sides 160 128]        after kedro run

The student answers the same files twice, by `Detector.file` with `reduced=False` and `reduced=True`, at inputs at most
half as large as the images, so that each file is decoded at 1/2 of its size or less. Reported are mAP50-95 of boxes and
masks, the difference with its 95 % interval over images, and the processor time of a file from its bytes to the
network's input. At inputs that it was not trained for a student finds less; both ways pay for that alike.
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from rich.console import Console
from rich.table import Table

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.metrics.bootstrap import drawn_images, paired_difference
from gsam_edge.metrics.coco.shapes import IouType
from gsam_edge.metrics.resampling import IOUS_50_95, resampled_map
from gsam_edge.runtime import Detector
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.students.weights import StudentWeights
from gsam_edge.vision.letterbox import letterboxed_file

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "01_raw" / "sample"
MAX_PIXELS = 120_000_000
KINDS: dict[str, IouType] = {"box": "bbox", "mask": "segm"}


def opened(student: StudentWeights, side: int) -> Detector:
    """Returns a student at an input of `side` pixels, with all that it finds, one thread."""
    weights = replace(student, image_size=side)
    exported = to_onnx(StudentModule(EdgeStudent(weights), weights.card), OnnxConfig(opset=17))
    return Detector.open(exported, ".onnx", score_threshold=0.0, threads=1)


def compare(detector: Detector, truth: Annotations, folder: Path) -> list[list[str]]:
    """Returns the rows of a table, one for boxes and one for masks."""
    ways = {"whole": False, "reduced": True}
    found: dict[str, dict[int, PackedDetections]] = {name: {} for name in ways}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    side = detector.card.image_size
    for record in truth.images:
        content = (folder / record["file_name"]).read_bytes()
        for name, reduced in ways.items():
            start = time.process_time()
            letterboxed_file(content, side, name="image", max_pixels=MAX_PIXELS, reduced=reduced)
            taken[name].append((time.process_time() - start) * 1e3)
            objects = detector.file(content, max_pixels=MAX_PIXELS, reduced=reduced)
            found[name][record["id"]] = PackedDetections.pack(objects)
    rows = []
    for kind, iou_type in KINDS.items():
        figures = {name: resampled_map(truth, each, iou_type, IOUS_50_95) for name, each in found.items()}
        plain = drawn_images(len(truth.images))[:1]
        gain = paired_difference(figures["whole"], figures["reduced"])
        told = "too few images" if gain is None else f"{gain.difference:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
        rows.append(
            [
                f"{len(truth.images)}",
                str(side),
                kind,
                *(f"{float(each(plain)[0]):.4f}" for each in figures.values()),
                told,
                *(f"{statistics.median(times):.2f}" for times in taken.values()),
            ]
        )
    return rows


def main() -> None:
    """Prints two rows for each size of the input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, default=SAMPLE, help="folder of the images that the run was about")
    parser.add_argument("--sides", type=int, nargs="+", default=[160, 128], help="network input, pixels")
    parser.add_argument("--env", default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=arguments.env) as session:
        load = session.load_context().catalog.load
        student, truth = load("student_weights"), load("annotations_test")
    table = Table("images", "side", "mAP50-95", "whole", "reduced", "difference", "whole ms", "reduced ms")
    for side in arguments.sides:
        for row in compare(opened(student, side), truth, arguments.dataset):
            table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
