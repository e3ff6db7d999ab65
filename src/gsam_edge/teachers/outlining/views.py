"""Images of a split as the steps of a tuning show them: as they are, in chosen views, or augmented anew."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.teachers.augmented import augmented
from gsam_edge.teachers.outlining.features import Shown
from gsam_edge.teachers.outlining.prompts import prompted_objects
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation


class Views:
    """The images with prompted objects of a split, and those objects, as they are shown.

    Args:
        split: the annotations.
        images: RGB images by `file_name`.
        augmentation: augmentation of an image with its objects; None shows images as they are.
        count: augmented views of an image, which are the same whenever they are shown; None augments anew.
        seed: seed of the augmentation.
    """

    def __init__(
        self,
        split: Annotations,
        images: ImageSource,
        augmentation: "Augmentation | None",
        *,
        count: int | None,
        seed: int,
    ) -> None:
        self._split, self._images = split, images
        self._augmentation, self._count, self._seed = augmentation, count, seed
        self.image_ids = [image_id for image_id in split.image_by_id if len(prompted_objects(split, image_id))]
        self._objects: dict[tuple[str, int], PackedDetections] = {}

    def show(self, position: int, row: int) -> tuple[Shown, Detections]:
        """Returns an image and the objects that are visible in it, at least one, with masks.

        Args:
            position: how many images the training has shown before; its epochs show one view after the other.
            row: of `image_ids`.
        """
        if self._augmentation is None:
            return self.original(row)
        if self._count is None:
            image, objects = self._changed(row, derived_seed(self._seed, position))
            return Shown(None, lambda: image), objects
        view = position // len(self.image_ids) % self._count
        identity, seed = (self._file_name(row), view), derived_seed(self._seed, row, view)
        if identity in self._objects:
            return Shown(identity, lambda: self._changed(row, seed)[0]), self._objects[identity].unpack()
        image, objects = self._changed(row, seed)
        self._objects[identity] = PackedDetections.pack(objects)
        return Shown(identity, lambda: image), objects

    def original(self, row: int) -> tuple[Shown, Detections]:
        """Returns an image as it is and its prompted objects, with masks."""
        name = self._file_name(row)
        truth = prompted_objects(self._split, self.image_ids[row]).unpack()
        return Shown((name, None), lambda: self._images[name]), truth

    def _changed(self, row: int, seed: int) -> tuple[NDArray[np.uint8], Detections]:
        """Returns an augmented image with the objects left in it; as it was, where none is left."""
        shown, truth = self.original(row)
        image = shown.read()
        changed, left = augmented(image, truth, self._augmentation, seed=seed)
        return (changed, left) if len(left) else (image, truth)

    def _file_name(self, row: int) -> str:
        return str(self._split.image_by_id[self.image_ids[row]]["file_name"])
