"""Training data of a student."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation


class SplitLabels(Mapping[str, Detections]):
    """Maps `file_name` to the labelled objects of a split; they are decoded on access."""

    def __init__(self, annotations: Annotations, class_scores: Mapping[int, NDArray[np.float32]]) -> None:
        """Joins a split with a teacher's scores.

        Args:
            annotations: the split.
            class_scores: image ids to scores [N, C] of `annotations.truth(id)`, for the images that a teacher
                predicted.
        """
        self._annotations = annotations
        self._class_scores = class_scores
        self._id_of_name = {image["file_name"]: image["id"] for image in annotations.images}

    def __getitem__(self, name: str) -> Detections:
        image_id = self._id_of_name[name]
        return replace(self._annotations.truth(image_id), class_scores=self._class_scores.get(image_id))

    def __iter__(self) -> Iterator[str]:
        return iter(self._id_of_name)

    def __len__(self) -> int:
        return len(self._id_of_name)


@dataclass(frozen=True)
class LabelledImages:
    """Images with their labelled objects.

    Attributes:
        labels: `file_name` to labelled objects in pixels of the image; `class_scores` [N, C] are the teacher's, with
            rows of NaN for objects it did not find and single NaN for classes it did not score. An empty mask means
            that the object has none.
        image_hw: `file_name` to height and width of the image in pixels.
        images: `file_name` to RGB image.
        class_names: class names by class id.
        augmentation: changes each image before the family's own recipe does, or None.
    """

    labels: Mapping[str, Detections]
    image_hw: Mapping[str, tuple[int, int]]
    images: ImageSource
    class_names: tuple[str, ...]
    augmentation: "Augmentation | None" = None

    @classmethod
    def of_split(
        cls,
        annotations: Annotations,
        images: ImageSource,
        class_scores: Mapping[int, NDArray[np.float32]],
        augmentation: "Augmentation | None",
    ) -> Self:
        """Joins a split with the teacher's scores by image id (see `SplitLabels`), which may be empty."""
        return cls(
            labels=SplitLabels(annotations, class_scores),
            image_hw={image["file_name"]: (image["height"], image["width"]) for image in annotations.images},
            images=images,
            class_names=annotations.class_names,
            augmentation=augmentation,
        )
