"""A user's own YOLO as a family of teachers."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.family import Image, Role, Setting, TeacherPredict, TuningData, one_by_one
from gsam_edge.teachers.maps import NoMaps
from gsam_edge.teachers.yolo.config import YoloTuningConfig
from gsam_edge.training.run import Run
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from gsam_edge.teachers.lora.adapter import Adapter
    from gsam_edge.teachers.yolo.model import Yolo


class YoloFamily:
    """Finds the classes that it was trained for; no words are needed. Segment weights draw the masks, too."""

    name = "yolo"
    title = "YOLO"
    role: Role = "both"
    config = YoloTuningConfig
    expects = "a .pt file of Ultralytics detect or segment weights"
    advice = "docs/own_yolo.md says which"

    def need(self, annotations: Annotations) -> Need:
        """Needed where there are objects: its boxes may be computed from masks."""
        objects = int((~annotations.columns.is_crowd).sum())
        if not (annotations.has_boxes or annotations.has_masks):
            return Need(False, "the annotations hold neither boxes nor masks")
        return Need(True, f"the annotations hold {objects} objects")

    def load(self, source: str, *, allow_download: bool) -> "Yolo":
        """See `load_yolo`; nothing is ever downloaded."""
        from gsam_edge.teachers.yolo.model import load_yolo

        return load_yolo(source)

    def base_digest(self, base: "Yolo") -> str:
        """Of its weights and of their class names, which say what its scores mean."""
        from gsam_edge.teachers.lora.layers import weights_digest
        from gsam_edge.training.checkpoints import fingerprint

        return fingerprint(weights_digest(base.model), base.class_names)

    def tune(self, base: "Yolo", data: TuningData, config: YoloTuningConfig, run: Run) -> "Adapter":
        """See `tune_yolo`.

        Raises:
            BaseModelError: if it is to draw masks and its weights draw none.
        """
        from gsam_edge.teachers.yolo.tune import tune_yolo

        if data.own_masks:
            base.require_masks()
        return tune_yolo(base, data.train, data.val, data.images, config, augmentation=data.augmentation, run=run)

    def predictor(self, base: "Yolo", adapter: "Adapter | None", setting: Setting) -> TeacherPredict:
        """All classes that mean one of the data's are asked for at once.

        Raises:
            AdapterError: if the weights are others than those of the adapter, or name their classes otherwise.
        """
        from gsam_edge.teachers.errors import AdapterError
        from gsam_edge.teachers.lora.adapter import adapted
        from gsam_edge.teachers.yolo.classes import Asked

        if adapter is None:
            raise ValueError("YOLO: expected an adapter, which says how the weights are asked, got none")
        asked = Asked.model_validate(adapter.config.facts)
        if asked.weights_class_names != base.class_names:
            raise AdapterError(
                f"yolo_adapter: expected weights of the classes {list(asked.weights_class_names)}, as YOLO {base.name} "
                f"named them when it was tuned, got weights of {list(base.class_names)}; run the pipeline "
                "teacher_finetune on this base"
            )
        model = adapted(base.model, adapter, device=setting.device, keep_base=setting.keep_base)
        tuned = replace(base, model=model)

        def find(image: Image, prompt: Detections | None) -> Detections:
            return tuned.predict(image, asked, setting.detection, masks=setting.own_masks)

        return one_by_one(find)

    def maps(self, base: "Yolo", adapter: "Adapter | None", setting: Setting) -> NoMaps:
        """Says why there are none."""
        return NoMaps("of a YOLO its labels are read, not the scores of its grid")
