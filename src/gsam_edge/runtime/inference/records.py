"""What is stored of one image: its size and its objects as COCO's results hold them, ready for JSON."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.boxes import xywh_to_xyxy, xyxy_to_xywh
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.masks import CroppedMasks
from gsam_edge.vision.rle import compressed, run_lengths, runs_in_window, tight_window, window_runs

#: {"height", "width", "objects": [{"category_id", "bbox", "score", "segmentation"}]}, the last where there are masks.
Record: TypeAlias = Mapping[str, Any]

#: Decimals of pixels and of scores: far finer than what a network says, and files of half the size.
_PIXEL_DECIMALS, _SCORE_DECIMALS = 2, 4


class RecordError(UserError):
    """A stored result that is damaged."""


def to_record(found: Detections, image_hw: tuple[int, int]) -> dict[str, Any]:
    """Returns the objects of one image as a record: boxes to a hundredth of a pixel, scores to four decimals.

    Args:
        found: objects in pixels of the image.
        image_hw: height and width of the image in pixels.
    """
    boxes = np.round(xyxy_to_xywh(found.xyxy).astype(np.float64), _PIXEL_DECIMALS).tolist()
    scores = np.round(found.scores.astype(np.float64), _SCORE_DECIMALS).tolist()
    objects: list[dict[str, Any]] = [
        {"category_id": class_id, "bbox": box, "score": score}
        for class_id, box, score in zip(found.class_ids.tolist(), boxes, scores, strict=True)
    ]
    for one, runs in zip(objects, _runs(found, image_hw), strict=False):
        one["segmentation"] = {"size": list(image_hw), "counts": compressed(runs)}
    return {"height": image_hw[0], "width": image_hw[1], "objects": objects}


def _runs(found: Detections, image_hw: tuple[int, int]) -> list[NDArray[np.int64]]:
    """Returns the runs of each mask; nothing where there are no masks."""
    cropped = found.cropped
    if cropped is not None:
        corners = [(left, top) for left, top, _, _ in cropped.windows_xyxy.tolist()]
        return [window_runs(cropped.part(row), corner, image_hw) for row, corner in enumerate(corners)]
    return [] if found.masks is None else [window_runs(mask, (0, 0), image_hw) for mask in found.masks]


def from_record(record: Record) -> Detections:
    """The inverse of `to_record`, as exact as it rounds; masks are cropped.

    Raises:
        RecordError: if a part is missing or damaged.
    """
    try:
        image_hw, objects = (int(record["height"]), int(record["width"])), record["objects"]
        masks = None
        if any("segmentation" in one for one in objects):
            runs = [run_lengths(one["segmentation"]["counts"], image_hw) for one in objects]
            windows = [tight_window(each, image_hw[0]) for each in runs]
            parts = (runs_in_window(each, window, image_hw[0]) for each, window in zip(runs, windows, strict=True))
            masks = CroppedMasks.pack(image_hw, np.array(windows, np.int64).reshape(-1, 4), parts)
        return Detections(
            xywh_to_xyxy([one["bbox"] for one in objects]),
            np.array([one["score"] for one in objects], np.float32),
            np.array([one["category_id"] for one in objects], np.int64),
            masks,
        )
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise RecordError(
            f"stored result: expected height, width and objects, got {record!r:.200}: {error!r}; delete the folder of "
            "stored results to have them made anew"
        ) from error
