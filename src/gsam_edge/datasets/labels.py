"""Detections of many images in one file."""

import json

from gsam_edge.datasets.versioned_bytes import BytesDataset
from gsam_edge.distill.labels import TeacherLabels


class TeacherLabelsDataset(BytesDataset[TeacherLabels]):
    """`distill.TeacherLabels` as JSON, masks run-length encoded."""

    def encode(self, value: TeacherLabels) -> bytes:
        return json.dumps(value.to_dict(), ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, content: bytes) -> TeacherLabels:
        try:
            return TeacherLabels.from_dict(json.loads(content))
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected labels of an earlier run, but they lack {error}") from error
