"""What the families of teachers that draw the masks of given boxes have in common; they differ in the loading alone."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.family import Role, Setting, TeacherPredict, TuningData
from gsam_edge.teachers.maps import TeacherMaps
from gsam_edge.teachers.outlining.config import OutliningConfig
from gsam_edge.training.run import Run

if TYPE_CHECKING:
    from gsam_edge.teachers.lora.adapter import Adapter
    from gsam_edge.teachers.outlining.model import PromptableModel


class OutlinerFamily:
    """A family whose bases are `PromptableModel`s; a subclass says its names and loads them."""

    name: str
    role: Role = "outline"
    config = OutliningConfig

    def need(self, annotations: Annotations) -> Need:
        """Returns that it is needed if objects have masks."""
        columns = annotations.columns
        objects, masks = ~columns.is_crowd, columns.has_mask & ~columns.is_crowd
        if not annotations.has_masks:
            return Need(False, "the annotations hold no masks")
        return Need(True, f"{masks.sum()} of {objects.sum()} objects have a mask")

    def base_digest(self, base: "PromptableModel") -> str:
        """Returns a digest of its weights and settings."""
        from gsam_edge.teachers.lora.layers import weights_digest
        from gsam_edge.training.checkpoints import fingerprint

        return fingerprint(weights_digest(base.model), base.settings)

    def tune(self, base: "PromptableModel", data: TuningData, config: OutliningConfig, run: Run) -> "Adapter":
        """See `tune_outliner`."""
        from gsam_edge.teachers.outlining.tune import tune_outliner

        return tune_outliner(base, data, config, name=self.name, run=run)

    def predictor(self, base: "PromptableModel", adapter: "Adapter | None", setting: Setting) -> TeacherPredict:
        """See `outliner`."""
        from gsam_edge.teachers.outlining.predictor import outliner

        return outliner(self._tuned(base, adapter, setting), adapter, setting)

    def maps(self, base: "PromptableModel", adapter: "Adapter | None", setting: Setting) -> TeacherMaps:
        """See `soft_outliner`."""
        from gsam_edge.teachers.outlining.predictor import soft_outliner

        return soft_outliner(self._tuned(base, adapter, setting), adapter, setting)

    @staticmethod
    def _tuned(base: "PromptableModel", adapter: "Adapter | None", setting: Setting) -> "PromptableModel":
        from gsam_edge.teachers.lora.adapter import adapted

        model = adapted(base.model, adapter, device=setting.device, keep_base=setting.keep_base)
        return replace(base, model=model)  # type: ignore[type-var]  # bases are dataclasses, which no Protocol can say
