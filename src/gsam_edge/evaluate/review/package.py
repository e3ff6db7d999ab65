"""What is handed to a person for review: a COCO file of the labels as they are, one of the candidates, and tasks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import rle_to_json
from gsam_edge.evaluate.review.candidates import CANDIDATE_KINDS, Candidate
from gsam_edge.vision.boxes import xyxy_to_xywh

#: Keys of an image record that a review hands out; the others stay in the dataset.
_IMAGE_KEYS = ("id", "file_name", "width", "height")


@dataclass(frozen=True)
class ReviewedImage:
    """One image for review.

    Attributes:
        annotations: the split that it is of.
        split: the split's name.
        image_id: its COCO id.
        candidates: its labels that may be wrong, the most doubtful first.
    """

    annotations: Annotations
    split: str
    image_id: int
    candidates: Sequence[Candidate]

    @property
    def file_name(self) -> str:
        """Name of the image."""
        return str(self.annotations.image_by_id[self.image_id]["file_name"])

    @property
    def score(self) -> float:
        """How many of its labels are wrong, as far as the finders can be believed."""
        return float(sum(each.belief for each in self.candidates))

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """Its labelled objects, crowds too."""
        return list(self.annotations.objects_of_image[self.image_id])


@dataclass(frozen=True)
class Review:
    """What is handed out, and what it must be compared with when it comes back.

    Attributes:
        labels: COCO content: the images with their labels as they are. This file is corrected.
        candidates: COCO content of the same images: what may be wrong, with the reason; it is read, not corrected.
        rows: one of each image, the most doubtful first: `rank`, `file_name`, `split`, `score`, `candidates` and
            `reasons`.
        source: digest of the dataset's annotations.json that the labels are of.
        drawn: name of an image to its drawing, a JPEG file.
    """

    labels: Mapping[str, Any]
    candidates: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    source: str | None
    drawn: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def image_names(self) -> list[str]:
        """Names of the images, which are those of the dataset."""
        return [str(image["file_name"]) for image in self.labels["images"]]

    def to_dict(self) -> dict[str, Any]:
        """Returns what an import needs, for JSON; `from_dict` gives it back without the drawings."""
        return {"source": self.source, "labels": self.labels, "rows": list(self.rows)}

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """The inverse of `to_dict`, without candidates.

        Raises:
            InvalidDatasetError: if it is not what `to_dict` returned.
        """
        try:
            labels = content["labels"]
            names = {int(image["id"]): str(image["file_name"]) for image in labels["images"]}
            if not all(int(record["image_id"]) in names for record in labels["annotations"]):
                raise ValueError("an object of an image that is not listed")
            categories = [{"id": int(each["id"]), "name": str(each["name"])} for each in labels["categories"]]
            return cls({**labels, "categories": categories}, {}, list(content["rows"]), content["source"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidDatasetError(
                f"review.json: expected what the pipeline review wrote, got {error!r}; run it again"
            ) from error


def build_review(images: Sequence[ReviewedImage], source: str | None) -> Review:
    """Returns the review of images, in their order."""
    if not images:
        return Review(_content([], [], ()), _content([], [], ()), [], source)
    categories = images[0].annotations.categories
    records: list[Mapping[str, Any]] = []
    labels: list[Mapping[str, Any]] = []
    doubts: list[Mapping[str, Any]] = []
    rows = []
    for rank, each in enumerate(images, start=1):
        image = each.annotations.image_by_id[each.image_id]
        records.append({key: image[key] for key in _IMAGE_KEYS})
        labels += each.records
        doubts += [_doubt(each, candidate) for candidate in each.candidates]
        rows.append(
            {
                "rank": rank,
                "file_name": each.file_name,
                "split": each.split,
                "score": round(each.score, 3),
                "candidates": len(each.candidates),
                "reasons": [candidate.text for candidate in each.candidates],
            }
        )
    numbered = [{"id": number, **doubt} for number, doubt in enumerate(doubts, start=1)]
    return Review(_content(records, labels, categories), _content(records, numbered, categories), rows, source)


def _content(
    images: Sequence[Any], annotations: Sequence[Any], categories: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    # Through JSON: what is handed out has the same values as what is read back.
    plain = {"images": list(images), "annotations": list(annotations), "categories": list(categories)}
    content: dict[str, Any] = json.loads(json.dumps(plain))
    return content


def _doubt(image: ReviewedImage, candidate: Candidate) -> dict[str, Any]:
    """Returns a candidate as a COCO object; its score is how far it is believed."""
    xywh = [round(float(value), 2) for value in xyxy_to_xywh(candidate.xyxy[None])[0]]
    record: dict[str, Any] = {
        "image_id": image.image_id,
        "category_id": image.annotations.categories[candidate.class_id]["id"],
        "bbox": xywh,
        "area": round(xywh[2] * xywh[3], 2),
        "iscrowd": 0,
        "score": round(candidate.belief, 4),
        "attributes": {
            "doubt": CANDIDATE_KINDS[candidate.kind],
            "reason": candidate.text,
            "seen_by": ", ".join(candidate.finders),
        },
    }
    if candidate.rle is not None:
        record["segmentation"] = rle_to_json(candidate.rle)
    if candidate.object_row >= 0:
        labelled = [each for each in image.records if not each.get("iscrowd")]
        record["attributes"]["object_id"] = labelled[candidate.object_row]["id"]
    return record
