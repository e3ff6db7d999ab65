"""Grounding DINO as a family of teachers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.family import Image, Role, Setting, TeacherPredict, TuningData
from gsam_edge.teachers.grounding_dino.config import GroundingDinoTuningConfig
from gsam_edge.teachers.maps import TeacherMaps
from gsam_edge.training.run import Run
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from torch import Tensor

    from gsam_edge.teachers.grounding_dino.model import GroundingDino
    from gsam_edge.teachers.lora.adapter import Adapter


class GroundingDinoFamily:
    """Finds objects by their class names."""

    name = "grounding_dino"
    title = "Grounding DINO"
    role: Role = "find"
    config = GroundingDinoTuningConfig
    expects = "the folder of a saved Grounding DINO"
    advice = "`kedro run --pipeline=pretrain_tiny_teachers` makes the tiny one"

    def need(self, annotations: Annotations) -> Need:
        """Returns that it is needed if objects have boxes of their own, not only boxes computed from masks."""
        columns = annotations.columns
        objects, boxes = ~columns.is_crowd, columns.has_labelled_box & ~columns.is_crowd
        if not annotations.has_boxes:
            return Need(False, "the annotations hold no boxes")
        return Need(True, f"{boxes.sum()} of {objects.sum()} objects have a box of their own")

    def load(self, source: str, *, allow_download: bool) -> "GroundingDino":
        """See `load_grounding_dino`."""
        from gsam_edge.teachers.grounding_dino.model import load_grounding_dino

        return load_grounding_dino(source, allow_download=allow_download)

    def base_digest(self, base: "GroundingDino") -> str:
        """Returns a digest of its weights and of how images and words are prepared for it."""
        from gsam_edge.teachers.lora.layers import weights_digest
        from gsam_edge.training.checkpoints import fingerprint

        images, words = base.processor.image_processor.to_dict(), base.processor.tokenizer.get_vocab()
        return fingerprint(weights_digest(base.model), images, words)

    def tune(self, base: "GroundingDino", data: TuningData, config: GroundingDinoTuningConfig, run: Run) -> "Adapter":
        """See `tune_grounding_dino`."""
        from gsam_edge.teachers.grounding_dino.tune import tune_grounding_dino

        return tune_grounding_dino(
            base, data.train, data.val, data.images, config, augmentation=data.augmentation, run=run
        )

    def predictor(self, base: "GroundingDino", adapter: "Adapter | None", setting: Setting) -> TeacherPredict:
        """Builds the prediction for all classes, in one prompt or, past the text encoder's limit, in several."""
        tuned = self._tuned(base, adapter, setting)

        def find(images: Sequence[Image], prompts: Sequence[Detections] | None) -> list[Detections]:
            return tuned.predict_batch(images, setting.class_names, setting.detection)

        return find

    def maps(self, base: "GroundingDino", adapter: "Adapter | None", setting: Setting) -> TeacherMaps:
        """See `encoder_maps`."""
        from gsam_edge.teachers.grounding_dino.maps import encoder_maps

        tuned = self._tuned(base, adapter, setting)

        def maps(canvas: Image, boxes: NDArray[np.float32]) -> "dict[str, Tensor]":
            return encoder_maps(tuned, canvas, setting.class_names)

        return maps

    @staticmethod
    def _tuned(base: "GroundingDino", adapter: "Adapter | None", setting: Setting) -> "GroundingDino":
        from gsam_edge.teachers.grounding_dino.text import read_prompts_once
        from gsam_edge.teachers.lora.adapter import adapted

        model = adapted(base.model, adapter, device=setting.device, keep_base=setting.keep_base)
        read_prompts_once(model)
        return replace(base, model=model)
