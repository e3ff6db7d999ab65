"""The tuned teachers that a dataset calls for, as one that labels, is measured and can be told apart."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from gsam_edge.coco import Annotations
from gsam_edge.coco.need import is_not_needed, needs_grounding_dino, needs_sam
from gsam_edge.distill.labels import TeacherDescription
from gsam_edge.teachers.adapter import Adapter
from gsam_edge.teachers.grounded_sam import teacher_predictor
from gsam_edge.teachers.grounding_dino_config import DetectionConfig
from gsam_edge.teachers.lora import weights_digest
from gsam_edge.training.device import DeviceName
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from gsam_edge.teachers.grounding_dino import GroundingDino
    from gsam_edge.teachers.sam import SamModel


@dataclass(frozen=True)
class Teacher:
    """Teachers with their adapters, ready to be built here or in another process.

    Attributes:
        factory: builds `predict(image, prompt=None)`; can be pickled.
        description: who they are.
        size_bytes: of all weights, base and adapters.
    """

    factory: Callable[[], Callable[..., Detections]]
    description: TeacherDescription
    size_bytes: int


def compose_teacher(
    annotations: Annotations,
    *,
    grounding_dino: "GroundingDino",
    grounding_dino_adapter: Adapter | dict[str, str],
    sam: "SamModel",
    sam_adapter: Adapter | dict[str, str],
    detection: DetectionConfig,
    device: DeviceName,
) -> Teacher:
    """Puts together the teachers that these annotations call for.

    Args:
        annotations: any split of the data; it decides which teachers take part and which classes they know.
        grounding_dino: the base; left out where the annotations hold no boxes of their own.
        grounding_dino_adapter: its adapter, or the empty value of a teacher that is not needed.
        sam: the base; left out where the annotations hold no masks.
        sam_adapter: likewise.
        detection: what counts as a detection.
        device: where to predict.

    Raises:
        ValueError: if an adapter is missing for a teacher that the data calls for, or was tuned for other classes.
    """
    parts: dict[str, Any] = {}
    names, digests, size = [], [], 0
    for key, title, needed, base, adapter in (
        ("grounding_dino", "Grounding DINO", needs_grounding_dino(annotations), grounding_dino, grounding_dino_adapter),
        ("sam", "SAM", needs_sam(annotations), sam, sam_adapter),
    ):
        tuned = _checked(title, adapter, annotations) if needed else None
        parts |= {key: base if needed else None, f"{key}_adapter": tuned}
        if tuned is not None:
            names.append(title)
            digests += [weights_digest(base.model), hashlib.sha256(tuned.to_bytes()).hexdigest()]
            size += _model_bytes(base.model) + sum(t.numel() * t.element_size() for t in tuned.tensors.values())
    settings = [detection.model_dump_json(), *annotations.class_names]
    digest = hashlib.sha256("\n".join(digests + settings).encode()).hexdigest()
    factory = partial(
        teacher_predictor, **parts, class_names=annotations.class_names, detection=detection, device=device
    )
    prompted = parts["grounding_dino"] is None
    return Teacher(factory, TeacherDescription(" and ".join(names), digest, prompted), size)


def _checked(title: str, adapter: Adapter | dict[str, str], annotations: Annotations) -> Adapter:
    if is_not_needed(adapter):
        raise ValueError(
            f"{title}: expected the adapter of an earlier run on this data, got an empty one ({adapter['why']}); "
            "run the pipeline teacher_finetune"
        )
    if adapter.config.class_names != annotations.class_names:
        raise ValueError(
            f"{title}: expected an adapter for the classes {list(annotations.class_names)}, got one for "
            f"{list(adapter.config.class_names)}; run the pipeline teacher_finetune"
        )
    return adapter


def _model_bytes(model: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
