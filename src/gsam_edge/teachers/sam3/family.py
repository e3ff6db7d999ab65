"""SAM 3 as a family of teachers."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.family import Image, Role, Setting, TeacherPredict, TuningData, one_by_one
from gsam_edge.teachers.maps import NoMaps
from gsam_edge.teachers.sam3.config import Sam3TuningConfig
from gsam_edge.training.run import Run
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from gsam_edge.teachers.lora.adapter import Adapter
    from gsam_edge.teachers.sam3.model import Sam3


class Sam3Family:
    """Finds objects by their class names, and draws their masks."""

    name = "sam3"
    title = "SAM 3"
    role: Role = "both"
    config = Sam3TuningConfig
    expects = "the folder of a SAM 3 as transformers saves it"
    advice = "docs/sam2_sam3.md says how to name one"

    def need(self, annotations: Annotations) -> Need:
        """Needed where there are objects: its boxes may be computed from masks."""
        objects = int((~annotations.columns.is_crowd).sum())
        if not (annotations.has_boxes or annotations.has_masks):
            return Need(False, "the annotations hold neither boxes nor masks")
        return Need(True, f"the annotations hold {objects} objects")

    def load(self, source: str, *, allow_download: bool) -> "Sam3":
        """See `load_sam3`."""
        from gsam_edge.teachers.sam3.model import load_sam3

        return load_sam3(source, allow_download=allow_download)

    def base_digest(self, base: "Sam3") -> str:
        """Returns a digest of its weights and of how images and words are prepared for it."""
        from gsam_edge.teachers.lora.layers import weights_digest
        from gsam_edge.training.checkpoints import fingerprint

        return fingerprint(weights_digest(base.model), base.settings, base.processor.tokenizer.get_vocab())

    def tune(self, base: "Sam3", data: TuningData, config: Sam3TuningConfig, run: Run) -> "Adapter":
        """See `tune_sam3`."""
        from gsam_edge.teachers.sam3.tune import tune_sam3

        return tune_sam3(base, data, config, run)

    def predictor(self, base: "Sam3", adapter: "Adapter | None", setting: Setting) -> TeacherPredict:
        """Builds the prediction for all classes; names are read once, and an image is encoded once for all of them."""
        from gsam_edge.teachers.lora.adapter import adapted
        from gsam_edge.teachers.outlining.features import ImageFeatures

        model = adapted(base.model, adapter, device=setting.device, keep_base=setting.keep_base)
        tuned = replace(base, model=model)
        texts = tuned.texts(setting.class_names)
        features = ImageFeatures(tuned, setting.features)

        def find(image: Image, prompt: Detections | None) -> Detections:
            tokens, image_hw = features.of_pixels(image)["tokens"], (image.shape[0], image.shape[1])
            return tuned.predict(tokens, image_hw, texts, setting.detection, masks=setting.own_masks)

        return one_by_one(find)

    def maps(self, base: "Sam3", adapter: "Adapter | None", setting: Setting) -> NoMaps:
        """Says why there are none."""
        return NoMaps("SAM 3 scores no places of an image, only what it finds")
