"""Composes the tuned teachers that a dataset calls for into one teacher, for labelling and evaluation."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

from torch import Tensor

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.mask_boxes import boxes_are_of_masks
from gsam_edge.coco.needs import is_not_needed
from gsam_edge.coco.predictions import PredictorInfo
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.errors import AdapterError, BaseModelError
from gsam_edge.teachers.family import Base, TeacherPredict
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.flips import Flip
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.predict import Part, one_image_predictor, teacher_predictor
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.vision import Detections


class TunedTeacher(NamedTuple):
    """A teacher's base and its adapter.

    Attributes:
        base: the base, or the empty value where no weights are named.
        adapter: its adapter, or the empty value of a teacher that is not needed.
    """

    base: Base | dict[str, str]
    adapter: Adapter | dict[str, str]


#: Every teacher of the table by name.
TunedTeachers: TypeAlias = Mapping[str, TunedTeacher]


@dataclass(frozen=True)
class Teacher:
    """Teachers with their adapters, ready to be built here or in another process.

    Attributes:
        factory: builds `GroundedSam.predict`; can be pickled.
        description: their names and digest, and whether they are prompted with boxes.
        size_bytes: size of all weights, base and adapters.
        detection: what counts as a detection, where the teacher is not given the true boxes.
    """

    factory: partial[TeacherPredict]
    description: PredictorInfo
    size_bytes: int
    detection: DetectionConfig

    def with_score_threshold(self, score_threshold: float) -> Callable[[], Callable[..., Detections]]:
        """Returns a factory of the same teachers for one image at a time; can be pickled.

        Its `predict(image)` or `predict(image, prompt)` drops detections with scores below the threshold (0..1).
        """
        detection = self.detection.model_copy(update={"score_threshold": score_threshold})
        return partial(one_image_predictor, partial(self.factory, detection=detection))


def compose_teacher(
    data: Annotations,
    teachers: TunedTeachers,
    choice: TeacherChoice,
    *,
    detection: DetectionConfig,
    device: DeviceName,
    flips: tuple[Flip, ...] = (),
    features: FeatureStore | None = None,
) -> Teacher:
    """Composes the chosen teachers that were tuned; one that the data did not call for is left out.

    Args:
        data: the part of the split that the teacher is to predict.
        teachers: bases and adapters.
        choice: which teachers find and outline.
        detection: what counts as a detection.
        device: where to predict.
        flips: how images are flipped that the finder is asked about besides.
        features: see `Setting`; without a store, times are those of a teacher that sees each image for the first time.

    Raises:
        InvalidDatasetError: if no teacher was tuned, or one that is needed was not.
        InvalidDatasetError: if one was tuned for other classes, or with an earlier split of the images.
        BaseModelError: if the base of an adapter is not named.
        AdapterError: if an adapter belongs to another family.
    """
    tuned = {name: pair for name in choice.names if (pair := tuned_pair(name, teachers[name], data)) is not None}
    if not tuned:
        titles = " or ".join(TEACHERS[name].title for name in choice.names)
        raise InvalidDatasetError(
            f"teacher: expected an adapter of {titles}, got none, since none is needed; run the pipeline "
            "teacher_finetune on annotations with boxes or masks"
        )
    finder, outliner = in_a_row(choice, {name: Part(name, *pair) for name, pair in tuned.items()})
    own_masks = choice.one_does_both and data.has_masks
    boxes_from_masks = takes_boxes_from_masks(finder, outliner, data)
    factory = partial(
        teacher_predictor,
        finder=finder,
        outliner=outliner,
        class_names=data.class_names,
        detection=detection,
        device=device,
        flips=flips,
        own_masks=own_masks,
        boxes_from_masks=boxes_from_masks,
        keep_bases=False,
        features=features,
    )
    prompted = finder is None
    digests = [
        digest
        for name, (base, adapter) in tuned.items()
        for digest in (TEACHERS[name].base_digest(base), adapter.digest)
    ]
    # The batch size does not change predictions, and a teacher that only outlines detects nothing.
    settings = [*([] if prompted else [repr(detection.model_dump(exclude={"batch_size"}))]), *data.class_names]
    settings += [f"flips {' '.join(flips)}"] if flips and not prompted else []
    settings += ["own masks"] if own_masks else []
    settings += ["boxes from masks"] if boxes_from_masks else []
    digest = hashlib.sha256("\n".join(digests + settings).encode()).hexdigest()
    names = " and ".join(TEACHERS[name].title for name in tuned)
    size = sum(_bytes(base.model.state_dict()) + _bytes(adapter.tensors) for base, adapter in tuned.values())
    return Teacher(factory, PredictorInfo(names, digest, prompted, boxes_from_masks), size, detection)


def in_a_row(choice: TeacherChoice, parts: Mapping[str, Part]) -> tuple[Part | None, Part | None]:
    """Returns finder and outliner among the teachers in use; a finder that draws its own masks has no outliner."""
    return parts.get(choice.finder), None if choice.one_does_both else parts.get(choice.outliner)


def takes_boxes_from_masks(finder: Part | None, outliner: Part | None, data: Annotations) -> bool:
    """Returns whether teachers in a row answer with the boxes of the masks: where the data's own boxes are.

    An outline is then seen more exactly than its box is guessed.
    """
    return finder is not None and outliner is not None and boxes_are_of_masks(data)


def named_base(name: str, base: Base | dict[str, str]) -> Base:
    """Returns the base of an adapter.

    Raises:
        BaseModelError: if no weights are named.
    """
    if is_not_needed(base):
        raise BaseModelError(f"{name}_base: expected the base of the {name} adapter, got none: {base['why']}")
    return base


def tuned_pair(name: str, teacher: TunedTeacher, data: Annotations) -> tuple[Base, Adapter] | None:
    """Returns a chosen teacher's base and adapter, or None where the data does not call for it."""
    family, adapter = TEACHERS[name], teacher.adapter
    remedy = "run the pipeline teacher_finetune"
    if is_not_needed(adapter):
        need = family.need(data)
        if need.needed:
            raise InvalidDatasetError(
                f"{name}_adapter: expected the adapter of {family.title}, since teachers names it and {need.why}; got "
                f"one that was not needed ({adapter['why']}); {remedy}"
            )
        return None
    if adapter.config.kind != name:
        raise AdapterError(f"{name}_adapter: expected one of {name}, got one of {adapter.config.kind!r}; {remedy}")
    require_made_from(
        data,
        what=f"{name}_adapter",
        class_names=adapter.config.class_names,
        split_digest=adapter.config.split,
        remedy=remedy,
    )
    return named_base(name, teacher.base), adapter


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
