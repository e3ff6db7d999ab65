"""Predictions for many images, as a value that can be stored in a file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections, StoredDetectionsError


@dataclass(frozen=True)
class PredictorInfo:
    """Name and identity of a predictor.

    Attributes:
        name: for reports, such as "Grounding DINO and SAM", or an artefact's name.
        digest: of everything that its predictions depend on: base weights, adapters, settings.
        prompted_with_boxes: whether it is given the true boxes, as a teacher that only outlines must be.
        boxes_from_masks: whether its boxes are the tight ones of its masks, where a mask is not empty.
    """

    name: str
    digest: str
    prompted_with_boxes: bool
    boxes_from_masks: bool = False


@dataclass(frozen=True)
class Predictions:
    """The objects that one predictor found, per image.

    Attributes:
        objects: COCO image ids to packed detections; every image that was predicted has an entry.
        class_names: class names by class id.
        predictor: the predictor.
        split: digest of how the images were split (`Annotations.split_digest`); None where it was not recorded.
    """

    objects: Mapping[int, PackedDetections]
    class_names: tuple[str, ...]
    predictor: PredictorInfo
    split: str | None = None

    def __repr__(self) -> str:
        """Says whose they are and how many."""
        return (
            f"Predictions({self.predictor.name}: {sum(map(len, self.objects.values()))} in {len(self.objects)} images)"
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256, hexadecimal, of all that `to_dict` holds, taken image by image; the value read back has the same."""
        digest = hashlib.sha256(json.dumps([vars(self.predictor), self.class_names, self.split]).encode())
        for image_id, found in sorted(self.objects.items()):
            digest.update(json.dumps([image_id, found.to_record()], sort_keys=True).encode())
        return digest.hexdigest()

    def scoring(self, least: float) -> Self:
        """Returns the objects that score `least` (0..1) or more; of a predictor that was given the boxes, all."""
        if self.predictor.prompted_with_boxes:
            return self
        objects = {
            image_id: packed.select(packed.unmasked.scores >= least) for image_id, packed in self.objects.items()
        }
        return replace(self, objects=objects)

    def to_dict(self) -> dict[str, Any]:
        """Returns a mapping for JSON; `from_dict` gives an equal value back."""
        return {
            "predictor": vars(self.predictor),
            "class_names": list(self.class_names),
            "split": self.split,
            "images": {str(image_id): found.to_record() for image_id, found in self.objects.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            StoredDetectionsError: if a part is missing or damaged.
        """
        try:
            records = content["images"].items()
            objects = {int(image_id): PackedDetections.from_record(record) for image_id, record in records}
            names, predictor = tuple(content["class_names"]), PredictorInfo(**content["predictor"])
            return cls(objects, names, predictor, content.get("split"))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise StoredDetectionsError(
                f"predictions: expected predictor, class_names and images, got {error!r}; run again the "
                "pipeline that made them"
            ) from error


def by_image(split: Annotations, predictions: Sequence[PackedDetections]) -> dict[int, PackedDetections]:
    """Returns predictions by image id, given in the order of the images of a split.

    Raises:
        ValueError: if there are not as many images as predictions, or an image id comes twice.
    """
    image_ids = [image["id"] for image in split.images]
    found = dict(zip(image_ids, predictions, strict=False))
    if not len(found) == len(image_ids) == len(predictions):
        raise ValueError(
            f"predictions: expected one for each of {len(set(image_ids))} different image ids, "
            f"got {len(image_ids)} ids and {len(predictions)} predictions"
        )
    return found
