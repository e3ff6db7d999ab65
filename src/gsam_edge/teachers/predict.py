"""Combines a teacher that finds objects with one that draws their masks into a single predictor.

With Grounding DINO and SAM this is Grounded SAM (Ren et al. 2024, arXiv:2401.14159).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import Base, Image, Setting, TeacherPredict
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.flips import Flip, with_flips
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.training.device import DeviceName
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import paired_box_iou
from gsam_edge.vision.masks import masks_to_xyxy


def boxes_of(*, boxes_from_masks: bool) -> str:
    """Returns, for reports, who says where the box of a found object is."""
    return "of the outliner's masks" if boxes_from_masks else "of the finder"


class Part(NamedTuple):
    """A teacher as a part of the combination.

    Attributes:
        name: name of its family.
        base: its base.
        adapter: its adapter, or None for the untuned base.
    """

    name: str
    base: Base
    adapter: Adapter | None


@dataclass(frozen=True)
class GroundedSam:
    """The teachers that a dataset calls for, combined.

    Attributes:
        find: finds boxes, perhaps with masks; None where the boxes are always given.
        outline: draws masks; None where no masks are wanted, or the finder has its own.
        batch_size: images that the finder is given at once, at most.
        boxes_from_masks: whether the tight box of the outliner's mask takes the place of the finder's box.

    Raises:
        ValueError: if there is neither finder nor outliner.
    """

    find: TeacherPredict | None
    outline: TeacherPredict | None
    batch_size: int
    boxes_from_masks: bool

    def __post_init__(self) -> None:
        if self.find is None and self.outline is None:
            raise ValueError("teacher: expected a finder, an outliner or both, got neither")

    def predict(self, images: Iterable[Image], prompts: Iterable[Detections] | None = None) -> Iterator[Detections]:
        """Predicts the objects of images.

        Args:
            images: uint8 [H, W, 3], RGB, of any sizes; `batch_size` of them are read at a time.
            prompts: the known boxes of each image, required where there is no finder. They get masks; no objects are
                searched for.

        Returns:
            For each image in order, made when it is read, so that only one image's masks are held. Without prompts the
            finder's boxes, scores and class scores (none where it is asked about flips, too), with the outliner's
            masks, `mask_scores` and `box_agreement` where there is one; a box is the tight one of its mask where
            `boxes_from_masks` says so and the mask is not empty.
            With prompts their rows, with the outliner's masks and `mask_scores`; since boxes and classes are given,
            nothing but the mask is uncertain, and the `scores` are the `mask_scores`.

        Raises:
            ValueError: if there are neither boxes nor a finder, or boxes but no outliner.
        """
        if prompts is None:
            if self.find is None:
                raise ValueError("teacher: expected the boxes of the objects, since a finder is absent; got none")
            return self._search(self.find, images)
        if self.outline is None:
            raise ValueError("teacher: expected an outliner to draw the masks of the given boxes, but it is absent")
        return self._draw(self.outline, zip(images, prompts, strict=True))

    def _search(self, find: TeacherPredict, images: Iterable[Image]) -> Iterator[Detections]:
        source = iter(images)
        while batch := tuple(islice(source, self.batch_size)):
            # Images of one size share a pass. Padding to the size of others would change what a network sees at an
            # image's edge, and so its objects, by which images happen to be asked about together.
            sizes: dict[tuple[int, ...], list[Image]] = {}
            for image in batch:
                sizes.setdefault(image.shape, []).append(image)
            answers = {size: iter(find(same, None)) for size, same in sizes.items()}
            for image in batch:
                found = next(answers[image.shape])
                yield found if self.outline is None else self._outlined(self.outline, image, found)

    def _outlined(self, outline: TeacherPredict, image: Image, found: Detections) -> Detections:
        """Returns what was found with masks, and perhaps their boxes."""
        drawn = _masks(outline, image, found)
        masks = drawn.held_masks
        if masks is None:
            return drawn
        tight = masks_to_xyxy(masks)
        xyxy = found.xyxy
        if self.boxes_from_masks:
            xyxy = np.where((tight[:, 2] > tight[:, 0])[:, None], tight, xyxy)  # the box of an empty mask stays
        agreement = paired_box_iou(found.xyxy, tight)
        return replace(found, xyxy=xyxy, masks=masks, mask_scores=drawn.mask_scores, box_agreement=agreement)

    @staticmethod
    def _draw(outline: TeacherPredict, prompted: Iterable[tuple[Image, Detections]]) -> Iterator[Detections]:
        for image, prompt in prompted:
            drawn = _masks(outline, image, prompt)
            known = drawn.mask_scores
            yield drawn if known is None else replace(drawn, scores=known, masks=drawn.held_masks)


def _masks(outline: TeacherPredict, image: Image, boxes: Detections) -> Detections:
    """Returns boxes with their masks; an image without boxes is not shown to the outliner."""
    if not len(boxes):
        return replace(boxes, masks=np.zeros((0, *image.shape[:2]), bool), mask_scores=np.zeros(0, np.float32))
    (drawn,) = outline([image], [boxes])
    return drawn


def teacher_predictor(
    *,
    finder: Part | None,
    outliner: Part | None,
    class_names: tuple[str, ...],
    detection: DetectionConfig,
    device: DeviceName,
    flips: tuple[Flip, ...] = (),
    own_masks: bool = False,
    boxes_from_masks: bool = False,
    keep_bases: bool = True,
    features: FeatureStore | None = None,
) -> TeacherPredict:
    """Builds teachers with their adapters, as the function `GroundedSam.predict`.

    A `functools.partial` of this function over its arguments can be pickled and called in another process.

    Args:
        finder: the teacher that finds the objects, or None.
        outliner: the teacher that draws their masks, or None.
        class_names: by class id.
        detection: threshold, suppression and batch size.
        device: where to predict.
        flips: how images are flipped that the finder is asked about besides (`with_flips`).
        own_masks: see `Setting`.
        boxes_from_masks: see `GroundedSam`.
        keep_bases: see `Setting.keep_base`.
        features: see `Setting`.

    Raises:
        ValueError: if there is no teacher at all.
        AdapterError: if an adapter does not fit its base.
    """
    setting = Setting(class_names, detection, device, own_masks, keep_bases, features)
    find, outline = (
        None if part is None else TEACHERS[part.name].predictor(part.base, part.adapter, setting)
        for part in (finder, outliner)
    )
    find = None if find is None else with_flips(find, flips, detection)
    return GroundedSam(find, outline, detection.batch_size, boxes_from_masks).predict


def one_image_predictor(build: Callable[[], TeacherPredict]) -> Callable[..., Detections]:
    """Builds teachers for one image at a time, as a function `predict(image)` or `predict(image, prompt)`.

    A `functools.partial` of this function over a factory that can be pickled can be pickled too.
    """
    predict = build()

    def one(image: Image, prompt: Detections | None = None) -> Detections:
        (found,) = predict([image], None if prompt is None else [prompt])
        return found

    return one
