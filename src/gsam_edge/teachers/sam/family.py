"""SAM as a family of teachers."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.family import Role, Setting, TeacherPredict, TuningData
from gsam_edge.teachers.outlining.config import OutliningConfig
from gsam_edge.training.run import Run

if TYPE_CHECKING:
    from gsam_edge.teachers.lora.adapter import Adapter
    from gsam_edge.teachers.sam.model import SamModel


class SamFamily:
    """Draws the mask of the object in each given box."""

    name = "sam"
    title = "SAM"
    role: Role = "outline"
    config = OutliningConfig
    expects = "a SAM checkpoint (a .pth file or the folder of a tiny one)"
    advice = "The README's chapter on the real teachers says what to put where"

    def need(self, annotations: Annotations) -> Need:
        """Returns that it is needed if objects have masks."""
        columns = annotations.columns
        objects, masks = ~columns.is_crowd, columns.has_mask & ~columns.is_crowd
        if not annotations.has_masks:
            return Need(False, "the annotations hold no masks")
        return Need(True, f"{masks.sum()} of {objects.sum()} objects have a mask")

    def load(self, source: str, *, allow_download: bool) -> "SamModel":
        """See `load_sam`; nothing is ever downloaded."""
        from gsam_edge.teachers.sam.model import load_sam

        return load_sam(source)

    def base_digest(self, base: "SamModel") -> str:
        """Returns a digest of its weights and settings."""
        from gsam_edge.teachers.lora.layers import weights_digest
        from gsam_edge.training.checkpoints import fingerprint

        return fingerprint(weights_digest(base.model), base.settings)

    def tune(self, base: "SamModel", data: TuningData, config: OutliningConfig, run: Run) -> "Adapter":
        """See `tune_outliner`."""
        from gsam_edge.teachers.outlining.tune import tune_outliner

        return tune_outliner(base, data, config, name=self.name, run=run)

    def predictor(self, base: "SamModel", adapter: "Adapter | None", setting: Setting) -> TeacherPredict:
        """See `outliner`."""
        from gsam_edge.teachers.lora.adapter import adapted
        from gsam_edge.teachers.outlining.predictor import outliner

        model = adapted(base.model, adapter, device=setting.device, keep_base=setting.keep_base)
        return outliner(replace(base, model=model), adapter, setting)
