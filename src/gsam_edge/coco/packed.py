"""Detections as JSON values."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from gsam_edge.coco.geometry.segmentation import decode_segmentation, encode_mask
from gsam_edge.vision import Detections
from gsam_edge.vision.errors import UserError

#: Half precision, the same bytes on every machine.
_HALF = np.dtype("<f2")


class StoredDetectionsError(UserError):
    """Labels or predictions of an earlier run that are damaged or that another version wrote."""


def detections_to_record(detections: Detections) -> dict[str, Any]:
    """Detections as a mapping that JSON holds; masks as COCO RLE, what is None is absent.

    Class scores are the bulk where classes are many: as decimal text 20 bytes each, here 2.7. They are rounded to half
    precision, by 0.05 % or 3e-8 at the most: less than the bfloat16 does in which a student learns from them on a GPU
    (0.2 %). And JSON has no NaN, which stands for a class that was not asked for.
    """
    record: dict[str, Any] = {
        "xyxy": detections.xyxy.tolist(),
        "scores": detections.scores.tolist(),
        "class_ids": detections.class_ids.tolist(),
    }
    if detections.masks is not None:
        record["mask_hw"] = list(detections.masks.shape[1:])
        record["masks"] = [encode_mask(mask) for mask in detections.masks]
    if detections.class_scores is not None:
        record["num_classes"] = detections.class_scores.shape[1]
        record["class_scores"] = base64.b64encode(detections.class_scores.astype(_HALF).tobytes()).decode("ascii")
    return record


class RecordedDetections(Mapping[int, Detections]):
    """Image ids to Detections that are kept as records, masks encoded, and decoded when one is asked for."""

    def __init__(self, records: Mapping[int, Mapping[str, Any]]) -> None:
        self._records = dict(records)

    @classmethod
    def of(cls, objects: Mapping[int, Detections]) -> Self:
        """The objects of many images as records, one image at a time; what is recorded already is not decoded."""
        if isinstance(objects, cls):
            return objects
        return cls({image_id: detections_to_record(found) for image_id, found in objects.items()})

    @property
    def records(self) -> Mapping[int, Mapping[str, Any]]:
        """Image ids to what `detections_to_record` made of their objects."""
        return self._records

    def without_masks(self) -> Self:
        """The same objects without their masks, which then need no decoding."""
        return type(self)(
            {
                image_id: {name: part for name, part in record.items() if name not in ("masks", "mask_hw")}
                for image_id, record in self._records.items()
            }
        )

    def __getitem__(self, image_id: int) -> Detections:
        return detections_from_record(self._records[image_id])

    def __iter__(self) -> Iterator[int]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


def detections_from_record(record: Mapping[str, Any]) -> Detections:
    """The inverse of `detections_to_record`, exact to the last bit but for class scores.

    Raises:
        StoredDetectionsError: if a part is missing or does not fit the others.
    """
    try:
        count = len(record["scores"])
        masks = class_scores = None
        if "masks" in record:
            height, width = (int(side) for side in record["mask_hw"])
            masks = np.zeros((count, height, width), bool)
            for row, segmentation in enumerate(record["masks"]):
                masks[row] = decode_segmentation(segmentation, (height, width))
        if "class_scores" in record:
            halves = np.frombuffer(base64.b64decode(record["class_scores"], validate=True), _HALF)
            class_scores = halves.astype(np.float32).reshape(count, int(record["num_classes"]))
        return Detections(
            xyxy=np.array(record["xyxy"], np.float32).reshape(count, 4),
            scores=np.array(record["scores"], np.float32),
            class_ids=np.array(record["class_ids"], np.int64),
            masks=masks,
            class_scores=class_scores,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StoredDetectionsError(
            f"labels of one image: expected the parts of Detections as this version writes them, got {sorted(record)}: "
            f"{error!r}; run again the pipeline that made them"
        ) from error
