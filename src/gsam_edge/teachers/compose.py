"""The tuned teachers that a dataset calls for, as one that labels, is measured and can be told apart."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import DatasetError
from gsam_edge.coco.needs import is_not_needed
from gsam_edge.coco.predictions import Predictor
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.teachers.grounded_sam import teacher_predictor
from gsam_edge.teachers.grounding_dino.config import DetectionConfig
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.lora.layers import weights_digest
from gsam_edge.training.device import DeviceName
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from gsam_edge.teachers.grounding_dino.model import GroundingDino
    from gsam_edge.teachers.sam.model import SamModel


@dataclass(frozen=True)
class TunedTeachers:
    """Both teachers and what tuning made of them.

    Attributes:
        grounding_dino: the base.
        grounding_dino_adapter: its adapter, or the empty value of a teacher that the data does not call for.
        sam: the base.
        sam_adapter: likewise.
    """

    grounding_dino: "GroundingDino"
    grounding_dino_adapter: Adapter | dict[str, str]
    sam: "SamModel"
    sam_adapter: Adapter | dict[str, str]


@dataclass(frozen=True)
class Teacher:
    """Teachers with their adapters, ready to be built here or in another process.

    Attributes:
        factory: builds `predict(image, prompt=None)`; can be pickled.
        description: who they are.
        size_bytes: of all weights, base and adapters.
        detection: what counts as a detection, where the teacher is not given the true boxes.
    """

    factory: partial[Callable[..., Detections]]
    description: Predictor
    size_bytes: int
    detection: DetectionConfig

    def down_to(self, score_threshold: float) -> Callable[[], Callable[..., Detections]]:
        """Builds the same teachers, whose detections that score less (0..1) are dropped; can be pickled."""
        detection = self.detection.model_copy(update={"score_threshold": score_threshold})
        return partial(self.factory.func, **self.factory.keywords | {"detection": detection})


def compose_teacher(
    data: Annotations, teachers: TunedTeachers, *, detection: DetectionConfig, device: DeviceName
) -> Teacher:
    """Puts together the teachers that were tuned; one that the data did not call for takes no part.

    Args:
        data: the part of the split that the teacher is to be asked about.
        teachers: bases and adapters.
        detection: what counts as a detection.
        device: where to predict.

    Raises:
        DatasetError: if no teacher was tuned.
        DatasetError: if one was tuned for other classes, or before the images were shared out anew.
    """
    class_names = data.class_names
    parts: dict[str, Any] = {}
    names, digests, size = [], [], 0
    for key, title, base, adapter in (
        ("grounding_dino", "Grounding DINO", teachers.grounding_dino, teachers.grounding_dino_adapter),
        ("sam", "SAM", teachers.sam, teachers.sam_adapter),
    ):
        if is_not_needed(adapter):
            parts |= {key: None, f"{key}_adapter": None}
            continue
        require_made_from(
            data,
            what=f"{key}_adapter",
            class_names=adapter.config.class_names,
            split_digest=adapter.config.split,
            remedy="run the pipeline teacher_finetune",
        )
        parts |= {key: base, f"{key}_adapter": adapter}
        names.append(title)
        digests += [weights_digest(base.model), adapter.digest]
        size += _model_bytes(base.model) + sum(t.numel() * t.element_size() for t in adapter.tensors.values())
    if not names:
        raise DatasetError(
            "teacher: expected the adapter of Grounding DINO, of SAM or both, got two that are not needed; run the "
            "pipeline teacher_finetune on annotations with boxes or masks"
        )
    prompted = parts["grounding_dino"] is None
    # How many images share a pass changes no answer, and SAM alone detects nothing.
    settings = [*([] if prompted else [repr(detection.model_dump(exclude={"batch_size"}))]), *class_names]
    digest = hashlib.sha256("\n".join(digests + settings).encode()).hexdigest()
    factory = partial(
        teacher_predictor, **parts, class_names=class_names, detection=detection, device=device, keep_bases=False
    )
    return Teacher(factory, Predictor(" and ".join(names), digest, prompted), size, detection)


def _model_bytes(model: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
