"""Dataset of the detections of many images in one file."""

import json

from gsam_edge.coco.packed import StoredDetectionsError
from gsam_edge.coco.predictions import Predictions
from gsam_edge.datasets.versioned_bytes import BytesDataset


class PredictionsDataset(BytesDataset[Predictions]):
    """`coco.predictions.Predictions` as JSON, masks run-length encoded."""

    def encode(self, value: Predictions) -> bytes:
        return json.dumps(value.to_dict(), ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, content: bytes) -> Predictions:
        try:
            value = json.loads(content)
        except ValueError as error:
            raise StoredDetectionsError(f"expected predictions in JSON, but they do not parse: {error}") from error
        return Predictions.from_dict(value)
