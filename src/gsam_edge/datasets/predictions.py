"""Detections of many images in one file."""

import json

from gsam_edge.datasets.versioned_bytes import BytesDataset
from gsam_edge.distill.predictions import Predictions


class PredictionsDataset(BytesDataset[Predictions]):
    """`distill.Predictions` as JSON, masks run-length encoded."""

    def encode(self, value: Predictions) -> bytes:
        return json.dumps(value.to_dict(), ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, content: bytes) -> Predictions:
        try:
            return Predictions.from_dict(json.loads(content))
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected predictions of an earlier run, but they lack {error}") from error
