"""Claim: finder and outliner in a row answer about four images at once at least 1.2 times as fast as one by one.

The tiny teachers as they are, on the sample's images, on one CPU thread; on a GPU several images fill it better than
one (`--device cuda`). Both answer the same, but for single pixels at the edges of masks.

    python benchmarks/labelling_speed.py --images 24 --batch 1 2 4 8
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.synthetic import SAMPLE_CLASSES
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.predict import Part, teacher_predictor
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.training.device import DeviceName
from gsam_edge.vision import Detections

ROOT = Path(__file__).parents[1]
LEAST_RATIO = 1.2


def asked(
    images: list[NDArray[np.uint8]], batch_size: int, device: DeviceName, score_threshold: float
) -> tuple[list[Detections], float]:
    """Returns the answers and the seconds that they took, the loading of the teachers left out.

    Processor time on a CPU, which other work on the machine changes least; else the time that passed.
    """
    clock = time.process_time if device == "cpu" else time.perf_counter
    detection = DetectionConfig(
        score_threshold=score_threshold, candidates=1000, nms_iou=0.6, max_detections=100, batch_size=batch_size
    )
    finder, outliner = (
        Part(name, TEACHERS[name].load(str(ROOT / "data/06_models/base" / name), allow_download=False), None)
        for name in ("grounding_dino", "sam")
    )
    predict = teacher_predictor(
        finder=finder,
        outliner=outliner,
        class_names=SAMPLE_CLASSES,
        detection=detection,
        device=device,
        boxes_from_masks=True,
    )
    list(predict(images[:batch_size], None))  # the first call is slower
    start = clock()
    answers = list(predict(images, None))
    return answers, clock() - start


def main() -> None:
    """Times every batch size on the same images and checks the claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24, help="images of the sample")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 2, 4, 8], help="images in one pass; 1 comes first")
    parser.add_argument("--score", type=float, default=0.25, help="least score of a box that gets a mask (0..1)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    files = sorted((ROOT / "data/01_raw/sample").rglob("*.jpg"))[: arguments.images]
    images = [np.array(Image.open(file).convert("RGB")) for file in files]
    rates: dict[int, float] = {}
    first: list[Detections] | None = None
    for batch_size in arguments.batch:
        answers, seconds = asked(images, batch_size, arguments.device, arguments.score)
        rates[batch_size] = len(images) / seconds
        boxes = sum(len(answer) for answer in answers)
        ratio = rates[batch_size] / rates[arguments.batch[0]]
        print(f"batch {batch_size}: {rates[batch_size]:.2f} images a second ({ratio:.2f} x), {boxes} boxes with masks")
        first = first or answers
        for alone, together in zip(first, answers, strict=True):
            np.testing.assert_allclose(together.scores, alone.scores, atol=1e-4)
            assert alone.masks is not None
            assert together.masks is not None
            assert (alone.masks != together.masks).sum() <= 0.001 * alone.masks.size
    best = max(rates.values()) / rates[arguments.batch[0]]
    assert best >= LEAST_RATIO, f"expected at least {LEAST_RATIO} x, got {best:.2f} x"


if __name__ == "__main__":
    main()
