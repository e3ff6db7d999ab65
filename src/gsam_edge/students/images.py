"""Training data of a student: the seam between what decides about labels and what learns from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation
    from gsam_edge.students.maps import ImageMaps


@dataclass(frozen=True)
class LabelWeights:
    """How much the labelled objects of one image count in a student's losses, row by row of its `Detections`.

    Attributes:
        classes: float32 [N] in 0..1, weight of the class targets of an object's anchors.
        boxes: float32 [N] in 0..1, weight of the box and the distribution focal loss.
        masks: float32 [N] in 0..1, weight of the mask loss.
        ignored: bool [N], neither an object nor background: nothing is learnt from it, nor, as background, where it
            could be found, in its box or, of a small one, around it. Its weights are not read.

    Raises:
        ValueError: if the arrays differ in length, or a weight is outside 0..1.
    """

    classes: NDArray[np.float32]
    boxes: NDArray[np.float32]
    masks: NDArray[np.float32]
    ignored: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Checks lengths and range."""
        for name in ("classes", "boxes", "masks"):
            values = getattr(self, name)
            if values.shape != self.ignored.shape or not ((values >= 0) & (values <= 1)).all():
                raise ValueError(
                    f"label weights: expected {len(self.ignored)} {name} in 0..1, got {len(values)}: {values}"
                )

    @classmethod
    def full(cls, count: int) -> Self:
        """Returns the weights of labels that a person gave: 1 everywhere, nothing ignored."""
        one = np.ones(count, np.float32)
        return cls(classes=one, boxes=one, masks=one, ignored=np.zeros(count, bool))

    def select(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Returns the chosen rows, as `Detections.select` does."""
        return type(self)(self.classes[index], self.boxes[index], self.masks[index], self.ignored[index])

    def __len__(self) -> int:
        """Returns the number of objects."""
        return len(self.ignored)


class SplitLabels(Mapping[str, Detections]):
    """Maps `file_name` to the labelled objects of a split; they are decoded on access."""

    def __init__(self, annotations: Annotations) -> None:
        """Reads no object yet."""
        self._annotations = annotations
        self._id_of_name = {image["file_name"]: image["id"] for image in annotations.images}

    def __getitem__(self, name: str) -> Detections:
        return self._annotations.truth(self._id_of_name[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._id_of_name)

    def __len__(self) -> int:
        return len(self._id_of_name)


@dataclass(frozen=True)
class LabelledImages:
    """Images with their labelled objects, by people and by machines.

    Attributes:
        labels: `file_name` to labelled objects in pixels of the image. An empty mask means that the object has none.
        image_hw: `file_name` to height and width of the image in pixels.
        images: `file_name` to RGB image.
        class_names: class names by class id.
        augmentation: changes each image before the family's own recipe does, or None.
        weights: `file_name` to what its labels count; those of an absent name count 1, none is ignored.
        pseudo: names, of those in `labels`, of the images whose labels no person gave. They are sampled as a pool of
            their own, and their loss has a weight of its own.
        maps: what the teachers say about every place of these images, or None where no loss asks.
    """

    labels: Mapping[str, Detections]
    image_hw: Mapping[str, tuple[int, int]]
    images: ImageSource
    class_names: tuple[str, ...]
    augmentation: "Augmentation | None" = None
    weights: Mapping[str, LabelWeights] = field(default_factory=dict)
    pseudo: frozenset[str] = frozenset()
    maps: "ImageMaps | None" = None

    @classmethod
    def of_split(cls, annotations: Annotations, images: ImageSource, augmentation: "Augmentation | None") -> Self:
        """Returns a split with its true objects, all of full weight."""
        return cls(
            labels=SplitLabels(annotations),
            image_hw={image["file_name"]: (image["height"], image["width"]) for image in annotations.images},
            images=images,
            class_names=annotations.class_names,
            augmentation=augmentation,
        )
