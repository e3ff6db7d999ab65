"""The detection task: boxes, scores, class ids and, where the student has them, masks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import Card
from gsam_edge.vision.boxes import box_area
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.letterbox import Letterbox, letterboxed, letterboxed_file

_OUTPUTS = ("boxes", "scores", "class_ids")
MASKS_NAME = "masks"


class Detect:
    """See `Task`. The outputs, for one image:

    boxes [1, N, 4], corners in pixels of the canvas; scores [1, N], 0 for padding; class_ids [1, N]; and, from a
    student with masks, masks [1, N, h, w], probabilities 0..1 over the whole canvas at any stride.
    """

    def outputs(self, card: Card) -> tuple[tuple[str, ...], ...]:
        """See `Task`."""
        return _OUTPUTS, (*_OUTPUTS, MASKS_NAME)

    def prepare(self, image: NDArray[np.uint8], card: Card) -> tuple[NDArray[np.float32], Letterbox]:
        """See `Task`; the image is letterboxed."""
        return letterboxed(image, card.image_size)

    def prepare_file(
        self, content: bytes, card: Card, *, name: str, max_pixels: int, reduced: bool
    ) -> tuple[NDArray[np.float32], Letterbox]:
        """See `Task`."""
        return letterboxed_file(content, card.image_size, name=name, max_pixels=max_pixels, reduced=reduced)

    def read(
        self,
        outputs: Mapping[str, NDArray[Any]],
        geometry: Letterbox,
        card: Card,
        *,
        threshold: float | Sequence[float],
    ) -> Detections:
        """Returns objects in the original image's pixels, by falling score; see `Task`.

        A mask is read only inside its box: this is what YOLOv8-seg is trained for, and it is cheap. Only those of the
        objects that are returned are, and they stay cropped until `Detections.masks` is read.
        Padding is dropped at any threshold, and so are objects without area in the image. `masks` is None where the
        outputs hold none.
        """
        boxes, scores, class_ids, masks = _read(outputs)
        kept = np.flatnonzero((scores > 0) & (scores >= _least(threshold, class_ids)))
        xyxy = geometry.boxes_to_image(boxes[kept])
        sized = box_area(xyxy) > 0
        kept, xyxy = kept[sized], xyxy[sized]
        order = np.argsort(-scores[kept], kind="stable")
        kept, xyxy = kept[order], xyxy[order]
        if masks is not None and not all(np.isfinite(masks[row]).all() for row in kept):
            raise _not_finite(MASKS_NAME)
        return Detections(
            xyxy=xyxy,
            scores=scores[kept],
            class_ids=class_ids[kept],
            masks=None if masks is None else geometry.masks_to_image([masks[row] for row in kept], xyxy),
        )


def _read(
    outputs: Mapping[str, NDArray[Any]],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32] | None]:
    """Checks the outputs and returns the image's boxes [N, 4], scores [N], class_ids [N], masks [N, h, w] or None."""
    if set(_OUTPUTS) - set(outputs):
        raise ValueError(f"outputs: expected boxes, scores and class_ids, got {sorted(outputs)}")
    for name, output in outputs.items():
        if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu":  # a graph may give lists and texts
            kind = output.dtype if isinstance(output, np.ndarray) else type(output).__name__
            raise ValueError(f"outputs[{name!r}]: expected an array of numbers, got {kind}")
    count = outputs["scores"].shape[-1] if outputs["scores"].ndim else 0
    expected: dict[str, tuple[int, ...]] = {"boxes": (1, count, 4), "scores": (1, count), "class_ids": (1, count)}
    if MASKS_NAME in outputs:
        expected[MASKS_NAME] = (1, count, *outputs[MASKS_NAME].shape[2:4])
    for name, shape in expected.items():
        if outputs[name].shape != shape:
            raise ValueError(f"outputs[{name!r}]: expected shape {shape}, got {outputs[name].shape}")
    for name in ("boxes", "scores"):
        if not np.isfinite(outputs[name]).all():
            raise _not_finite(name)
    return (
        outputs["boxes"][0].astype(np.float32, copy=False),
        outputs["scores"][0].astype(np.float32, copy=False),
        outputs["class_ids"][0].astype(np.int64, copy=False),
        outputs[MASKS_NAME][0] if MASKS_NAME in outputs else None,
    )


def _least(threshold: float | Sequence[float], class_ids: NDArray[np.int64]) -> float | NDArray[np.float32]:
    """Returns the least score of each object; of a class that the card does not have, 0, so that it is seen."""
    if isinstance(threshold, (int, float)):
        return threshold
    known = (class_ids >= 0) & (class_ids < len(threshold))
    return np.where(known, np.asarray(threshold, np.float32)[np.where(known, class_ids, 0)], np.float32(0))


def _not_finite(name: str) -> ValueError:
    return ValueError(f"outputs[{name!r}]: expected finite numbers, got NaN or infinity")
