"""From a network's raw outputs to final detections in numpy, for backends that cannot do it themselves.

It is what an exported student's graph does elsewhere, number by number; a test compares the two. Only suppression is
bounded there (`nms_iterations`) and complete here, which is the same where no chain of overlapping boxes is longer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import ArtefactError
from gsam_edge.vision.suppression import unsuppressed

_KEY = "decoding"
_RAW = ("distributions", "logits")
_RAW_MASKS = ("coefficients", "prototypes")


@dataclass(frozen=True)
class Decoding:
    """How raw outputs are read; it travels with them in the artefact.

    Attributes:
        strides: sides of the levels' cells in canvas pixels, in the order of the anchors.
        bins: of the distribution of a distance, each one cell; 1 where the network says the distance itself.
        candidates: best anchors of an image that enter suppression.
        max_detections: objects of an image, N of every output.
        iou_threshold: a box is dropped above this IoU with a better one of its class (0..1).
        score_floor: anchors that score no more are no objects (0..1).
        suppressed: whether the network may find an object several times, so that all but the best are dropped.
        masks: whether it gives coefficients and prototypes.
    """

    strides: tuple[int, ...]
    bins: int
    candidates: int
    max_detections: int
    iou_threshold: float
    score_floor: float
    suppressed: bool
    masks: bool

    @property
    def raw_outputs(self) -> tuple[str, ...]:
        """Names of the raw outputs, in order."""
        return (*_RAW, *_RAW_MASKS) if self.masks else _RAW

    def to_properties(self) -> dict[str, str]:
        """Returns the settings as text by key, to stand beside those of the card."""
        return {_KEY: json.dumps(asdict(self))}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> "Decoding":
        """The inverse of `to_properties`; further keys are ignored.

        Raises:
            ArtefactError: if the settings are missing or cannot be true.
        """
        try:
            read = json.loads(properties[_KEY])
            decoding = cls(**(read | {"strides": tuple(read["strides"])}))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ArtefactError(f"metadata {_KEY}: expected how raw outputs are read, got {error!r}") from error
        counts = (*decoding.strides, decoding.bins, decoding.candidates, decoding.max_detections)
        shares = (decoding.iou_threshold, decoding.score_floor)
        if not (
            decoding.strides
            and all(type(count) is int and 0 < count <= 10_000 for count in counts)
            and all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares)
            and all(isinstance(flag, bool) for flag in (decoding.suppressed, decoding.masks))
            and decoding.strides == tuple(sorted(set(decoding.strides)))  # which also bounds the number of anchors
        ):
            raise ArtefactError(
                f"metadata {_KEY}: expected counts from 1, rising strides and shares in 0..1, got {read!s:.200}"
            )
        return decoding


class Decoder:
    """Reads the raw outputs of one image after the other."""

    def __init__(self, decoding: Decoding, image_size: int) -> None:
        """Computes the anchors: one in the middle of every cell of every level.

        Args:
            decoding: how to read.
            image_size: side of the canvas in pixels.
        """
        self._decoding = decoding
        self._image_size = image_size
        centres, steps = [], []
        for stride in decoding.strides:
            axis = (np.arange(image_size // stride, dtype=np.float32) + np.float32(0.5)) * stride
            x, y = np.meshgrid(axis, axis)
            centres.append(np.stack([x.ravel(), y.ravel()]))
            steps.append(np.full(x.size, stride, np.float32))
        self._centres = np.concatenate(centres, 1)  # [2, A] pixels
        self._steps = np.concatenate(steps)  # [A] pixels

    def __call__(self, raw: Sequence[NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
        """Returns the final detections of one image.

        Args:
            raw: of one image, A anchors: distributions [4 R, A] over the distances to left, top, right, bottom in
                cells; class logits [C, A]; and with masks coefficients [M, A] and prototypes [M, h, w].

        Returns:
            Best first, padded with zeros to N: `boxes` float32 [1, N, 4], corners in canvas pixels; `scores` float32
            [1, N] in 0..1; `class_ids` int64 [1, N]; with masks `masks` float32 [1, N, h, w], probabilities, 0 outside
            the box.

        Raises:
            ArtefactError: if the raw outputs have other shapes, or logits are NaN.
        """
        decoding = self._decoding
        self._check(raw)
        distributions, logits = raw[:2]
        best = logits.max(0)
        if np.isnan(best).any():
            raise ArtefactError("logits: expected numbers, got NaN")  # which is above no floor: it would find nothing
        order = np.argsort(-best, kind="stable")[: decoding.candidates]
        scores = _sigmoid(best[order])
        there = scores > decoding.score_floor
        order, scores = order[there], scores[there]
        class_ids = logits[:, order].argmax(0)
        boxes = self._boxes(distributions[:, order], order)
        if decoding.suppressed:
            kept = unsuppressed(boxes, class_ids, decoding.iou_threshold)
            order, scores, class_ids, boxes = order[kept], scores[kept], class_ids[kept], boxes[kept]
        count = min(len(order), decoding.max_detections)
        answers: dict[str, NDArray[Any]] = {
            "boxes": boxes[:count],
            "scores": scores[:count],
            "class_ids": class_ids[:count].astype(np.int64),
        }
        if decoding.masks:
            answers["masks"] = self._masks(raw[2][:, order[:count]], raw[3], boxes[:count])
        padding = decoding.max_detections - count
        return {
            name: np.pad(answer, [(0, padding)] + [(0, 0)] * (answer.ndim - 1))[None]
            for name, answer in answers.items()
        }

    def _check(self, raw: Sequence[NDArray[np.float32]]) -> None:
        anchors = len(self._steps)
        rows = [4 * self._decoding.bins, None, None]  # classes and coefficients: any number
        names = self._decoding.raw_outputs
        if len(raw) != len(names):
            raise ArtefactError(f"raw outputs: expected {list(names)}, got {len(raw)}")
        for name, output, expected in zip(names, raw, rows, strict=False):
            if output.ndim != 2 or output.shape[1] != anchors or expected not in (None, output.shape[0]):
                raise ArtefactError(f"{name}: expected [{expected or 'any'}, {anchors}], got {list(output.shape)}")
        if self._decoding.masks and (raw[3].ndim != 3 or len(raw[3]) != len(raw[2])):
            raise ArtefactError(f"prototypes: expected [{len(raw[2])}, h, w], got {list(raw[3].shape)}")

    def _boxes(self, distributions: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns corners [K, 4] in pixels of the anchors `order` [K].

        A distance is the mean of its distribution (DFL, arXiv:2006.04388).
        """
        bins = self._decoding.bins
        sides = distributions
        if bins > 1:
            per_side = distributions.reshape(4, bins, -1)
            weights = np.exp(per_side - per_side.max(1, keepdims=True))
            distances = np.arange(bins, dtype=np.float32)[:, None]
            sides = (weights * distances).sum(1) / weights.sum(1)
        sides = sides * self._steps[order]
        centres = self._centres[:, order]
        return np.concatenate([centres - sides[:2], centres + sides[2:]]).T

    def _masks(
        self, coefficients: NDArray[np.float32], prototypes: NDArray[np.float32], boxes: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Returns probabilities [K, h, w] from coefficients [M, K] and prototypes [M, h, w], 0 outside boxes [K, 4].

        One prototype pixel around the box is kept, so that a bilinear resize that is read inside the box alone does not
        fade towards the box's edge.
        """
        height, width = prototypes.shape[1:]
        masks = _sigmoid(np.tensordot(coefficients, prototypes, (0, 0)))
        left, top, right, bottom = (boxes / (self._image_size / width)).T[..., None]  # [K, 1], in prototype pixels
        x, y = np.arange(width), np.arange(height)
        columns = (x > left - 2) & (x < right + 1) & (right > left)
        lines = (y > top - 2) & (y < bottom + 1) & (bottom > top)
        return masks * columns[:, None, :] * lines[..., None]


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.exp(-np.logaddexp(np.float32(0), -logits))
