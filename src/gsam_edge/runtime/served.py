"""A student as MLflow serves models (a "pyfunc"): a table with a column of image files in, objects out.

MLflow loads this module by its name, with the copy of `runtime` and `vision` that lies in the model; neither MLflow nor
pandas is imported here.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gsam_edge.runtime.detector import Detector
from gsam_edge.runtime.inference.records import to_record
from gsam_edge.vision.images import ImageError, decode_image

#: The column of the input: the bytes of an image file in each row.
IMAGE_COLUMN = "image"


class ServedStudent:
    """What MLflow calls.

    Args:
        detector: the student.
        max_pixels: larger images are refused before they are decoded.
    """

    def __init__(self, detector: Detector, *, max_pixels: int) -> None:
        self._detector, self._max_pixels = detector, max_pixels

    def predict(
        self, model_input: Mapping[str, Iterable[bytes]], params: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Returns one mapping for each row: height, width, and objects [{class, score, box, mask}].

        Boxes are left, top, right and bottom in pixels of the upright image; masks, where the student has them, are
        COCO's compressed RLE. A row that is no readable image has no objects and says why under `error`.

        Args:
            model_input: a table (pandas, or a mapping) whose column `image` holds image files.
            params: none are taken; MLflow hands them to every model.
        """
        return [self._row(content) for content in model_input[IMAGE_COLUMN]]

    def _row(self, content: bytes) -> dict[str, Any]:
        try:
            image = decode_image(content, name="image", max_pixels=self._max_pixels)
        except ImageError as error:
            return {"objects": [], "error": str(error)}
        record = to_record(self._detector(image), (image.shape[0], image.shape[1]))
        objects = [self._object(one) for one in record["objects"]]
        return {"height": record["height"], "width": record["width"], "objects": objects}

    def _object(self, one: Mapping[str, Any]) -> dict[str, Any]:
        left, top, width, height = one["bbox"]
        box = np.round([left, top, left + width, top + height], 2).tolist()
        name = self._detector.card.class_names[one["category_id"]]
        mask = {"mask": one["segmentation"]} if "segmentation" in one else {}
        return {"class": name, "score": one["score"], "box": box, **mask}


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any]) -> ServedStudent:
    """Opens the model's student; MLflow looks for a function of this name.

    Args:
        data_path: the exported file.
        model_config: `threads`, `max_pixels` and, unless the card's recommended ones hold, `score_threshold`.
    """
    detector = Detector.open(
        Path(data_path), score_threshold=model_config.get("score_threshold"), threads=model_config["threads"]
    )
    return ServedStudent(detector, max_pixels=model_config["max_pixels"])
