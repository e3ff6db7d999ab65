"""From the network's outputs to objects in the original picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.boxes import box_area
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.letterbox import Letterbox


def postprocess(outputs: Mapping[str, NDArray[Any]], letterbox: Letterbox, *, score_threshold: float) -> Detections:
    """Objects in the original image's pixels.

    A mask is read only inside its box: this is what YOLOv8-seg is trained for, and it makes the way back cheap.

    Args:
        outputs: `boxes` [1, N, 4] corners in canvas pixels, `scores` [1, N] with 0 for padding, `class_ids` [1, N] and,
            from a student with masks, `masks` [1, N, h, w] probabilities 0..1 over the whole canvas at any stride.
        letterbox: what `preprocess` did to this image.
        score_threshold: objects that score less are dropped (0..1); padding is dropped at any threshold.

    Returns:
        Detections by falling score; `masks` is None where the outputs hold none. Objects without area in the image are
        dropped.

    Raises:
        ValueError: if an output is missing, has another shape, or boxes or scores are not finite.
    """
    boxes, scores, class_ids, masks = _read(outputs)
    kept = np.flatnonzero((scores > 0) & (scores >= score_threshold))
    xyxy = letterbox.boxes_to_image(boxes[kept])
    sized = box_area(xyxy) > 0
    kept, xyxy = kept[sized], xyxy[sized]
    order = np.argsort(-scores[kept], kind="stable")
    kept, xyxy = kept[order], xyxy[order]
    return Detections(
        xyxy=xyxy,
        scores=scores[kept],
        class_ids=class_ids[kept],
        masks=None if masks is None else letterbox.masks_to_image(masks[kept], xyxy),
    )


def _read(
    outputs: Mapping[str, NDArray[Any]],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32] | None]:
    """The one image of the batch: boxes [N, 4], scores [N], class_ids [N], masks [N, h, w] or None; checked."""
    missing = {"boxes", "scores", "class_ids"} - set(outputs)
    if missing:
        raise ValueError(f"outputs: expected boxes, scores and class_ids, got {sorted(outputs)}")
    count = outputs["scores"].shape[-1]
    expected: dict[str, tuple[int, ...]] = {"boxes": (1, count, 4), "scores": (1, count), "class_ids": (1, count)}
    if "masks" in outputs:
        expected["masks"] = (1, count, *outputs["masks"].shape[2:4])
    for name, shape in expected.items():
        if outputs[name].shape != shape:
            raise ValueError(f"outputs[{name!r}]: expected shape {shape}, got {outputs[name].shape}")
    for name in ("boxes", "scores"):
        if not np.isfinite(outputs[name]).all():
            raise ValueError(f"outputs[{name!r}]: expected finite numbers, got NaN or infinity")
    return (
        outputs["boxes"][0].astype(np.float32, copy=False),
        outputs["scores"][0].astype(np.float32, copy=False),
        outputs["class_ids"][0].astype(np.int64, copy=False),
        outputs["masks"][0].astype(np.float32, copy=False) if "masks" in outputs else None,
    )
