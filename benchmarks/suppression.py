"""Claim: suppressing 3,600 candidate boxes takes at most a twentieth of the time of a table of all pairs in numpy.

A full-size Grounding DINO has 900 queries a prompt, so this is what many classes cost each image. The table is how this
project did it before; both must keep the same boxes.

    python benchmarks/suppression.py --boxes 900 3600
"""

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.detections import best_detections
from gsam_edge.vision.boxes import box_iou

Answer = TypeVar("Answer")

CLASSES = 10
IOU = 0.7
LEAST_RATIO = 20


def by_table(xyxy: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64]) -> list[int]:
    """Returns the rows that are kept, by falling score, by a table of all pairs and a loop."""
    suppresses = (box_iou(xyxy, xyxy) > IOU) & (class_ids[:, None] == class_ids[None, :])
    keep: list[int] = []
    for row in np.argsort(-scores, kind="stable").tolist():
        if not suppresses[row, keep].any():
            keep.append(row)
    return keep


def timed(work: Callable[[], Answer], rounds: int) -> tuple[Answer, float]:
    """Returns the answer and the least seconds of processor time of some rounds."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        answer = work()
        seconds.append(time.process_time() - start)
    return answer, min(seconds)


def main() -> None:
    """Times both on the same boxes and checks the claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, nargs="+", default=[900, 3600], help="candidates of one image")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is taken")
    arguments = parser.parse_args()
    for count in arguments.boxes:
        rng = np.random.default_rng(0)
        centres = np.repeat(rng.uniform(0, 1000, (count // 9 + 1, 2)), 9, axis=0)[:count]  # nine around each object
        centres += rng.normal(0, 4, centres.shape)
        half = rng.uniform(10, 40, (count, 2))
        xyxy = np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)
        scores = rng.random((count, CLASSES), np.float32)
        config = DetectionConfig(score_threshold=0, candidates=count, nms_iou=IOU, max_detections=count, batch_size=1)

        def ours(xyxy: NDArray[np.float32] = xyxy, scores: NDArray[np.float32] = scores) -> list[int]:
            return best_detections(xyxy, scores, config)[1].tolist()  # noqa: B023 - called in the same round

        kept, seconds = timed(ours, arguments.rounds)
        expected, before = timed(lambda: by_table(xyxy, scores.max(1), scores.argmax(1)), arguments.rounds)  # noqa: B023
        assert kept == expected
        ratio = before / seconds
        print(
            f"{count} boxes, {len(kept)} kept: {before * 1000:.1f} ms by a table, {seconds * 1000:.2f} ms here, "
            f"{ratio:.0f} x"
        )
    assert ratio >= LEAST_RATIO, f"expected at least {LEAST_RATIO} x, got {ratio:.1f} x"


if __name__ == "__main__":
    main()
