"""What the checks took from images and from the dataset as a whole: labels, masks, boxes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.findings import Case, Ledger
from gsam_edge.coco.checks.values import is_of_nothing
from gsam_edge.coco.geometry.shapes import whole_number
from gsam_edge.coco.table.columns import has_labelled_box

#: Beginnings of the codes by which an object loses its box or its mask.
_SHAPES = ("box_", "segmentation_", "polygon_", "rle_", "mask_")


@dataclass
class Losses:
    """Labels that annotations of the file had and that are gone.

    Attributes:
        labels: image ids to the number of their annotations that were dropped.
        shapes: `bbox` and `segmentation` to the number of objects, crowds aside, whose own could not be used.
    """

    labels: Counter[int] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    _first_label: dict[int, str] = field(default_factory=dict)

    def enter_label(self, image_id: int, case: Case) -> None:
        """Records an annotation that was dropped, by its image."""
        self.labels[image_id] += 1
        if image_id not in self._first_label:
            self._first_label[image_id] = str(case)

    def enter_shapes(self, record: Mapping[str, Any], left: Mapping[str, Any]) -> None:
        """Records the box and the mask that an object had in the file and that are not among those `left` of it."""
        if whole_number(record.get("iscrowd")) == 1 or record.get("iscrowd") is True:
            return
        bbox = record.get("bbox")
        # A box of zeros never was one: tools write it where there is none.
        had = {
            "bbox": has_labelled_box(record) and (not isinstance(bbox, list) or any(bbox)),
            "segmentation": bool(record.get("segmentation")) and not is_of_nothing(record["segmentation"]),
        }
        for key in ("bbox", "segmentation"):
            if had[key] and left.get(key) is None:
                self.shapes[key] += 1

    def told(self, image_id: int) -> str:
        """Returns what an image lost, in a sentence."""
        return f"{self.labels[image_id]} annotations were there, none is left; the first: {self._first_label[image_id]}"

    def check_task(self, found: Annotations, ledger: Ledger) -> None:
        """Reports a kind of shape of which the file had some and nothing is left: it changes what is trained.

        Raises:
            InvalidDatasetError: if the policy is `error`.
        """
        for key, words, code, is_there, left in (
            ("segmentation", "segmentations", "masks_gone", found.has_masks, "boxes"),
            ("bbox", "boxes", "boxes_gone", found.has_boxes, "masks"),
        ):
            if self.shapes[key] and not is_there:
                case = Case(ledger, "annotations")
                change = f"none could be used: the job becomes one of {left} alone"
                case.fault(code, f"{self.shapes[key]} {words}, {change} {ledger.lost(_SHAPES)}")
                case.close()
