"""Datasets of the detections of many images in one file."""

import json
from typing import Any

from gsam_edge.coco.packed import StoredDetectionsError
from gsam_edge.coco.predictions import Predictions
from gsam_edge.datasets.versioned_bytes import BytesDataset
from gsam_edge.distill.arms.arm_run import ArmRun


class PredictionsDataset(BytesDataset[Predictions]):
    """`coco.predictions.Predictions` as JSON, masks run-length encoded."""

    def encode(self, value: Predictions) -> bytes:
        return json.dumps(value.to_dict(), ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, content: bytes) -> Predictions:
        return Predictions.from_dict(_json(content, dict))


class ArmRunsDataset(BytesDataset[tuple[ArmRun, ...]]):
    """The trained students of some arms of a distillation as JSON: how each was trained, and what it finds."""

    def encode(self, value: tuple[ArmRun, ...]) -> bytes:
        content = [run.to_dict() for run in value]
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, content: bytes) -> tuple[ArmRun, ...]:
        return tuple(map(ArmRun.from_dict, _json(content, list)))


def _json(content: bytes, kind: type[Any]) -> Any:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise StoredDetectionsError(f"expected predictions in JSON, but they do not parse: {error}") from error
    if not isinstance(value, kind):
        raise StoredDetectionsError(f"expected predictions as a JSON {kind.__name__}, got {value!r:.80}")
    return value
