"""A YOLO as a detector of the classes of the data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.detections import best_detections
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.yolo.classes import Asked, class_scores
from gsam_edge.teachers.yolo.network import HEADS, build_network, decoded
from gsam_edge.training.weights_file import read_checkpoint
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_area, cxcywh_to_xyxy
from gsam_edge.vision.errors import FileError
from gsam_edge.vision.letterbox import letterboxed


@dataclass(frozen=True)
class Yolo:
    """An Ultralytics network with the classes that it knows.

    Attributes:
        model: the network, plain or with an adapter on it.
        class_names: by class id of the weights.
        definition: of the network, as Ultralytics' YAML files have it.
        name: the file that it came from.
    """

    model: Any
    class_names: tuple[str, ...]
    definition: Mapping[str, Any]
    name: str

    def __reduce__(self) -> tuple[Callable[..., "Yolo"], tuple[Any, ...]]:
        """A process that it is sent to builds it anew, so that Ultralytics is imported there as it is here."""
        return _rebuilt, (self.definition, self.class_names, self.model.state_dict(), self.name)

    @property
    def head(self) -> str:
        """The kind of its last layer."""
        return str(self.definition["head"][-1][2])

    @property
    def has_masks(self) -> bool:
        """Whether it draws masks."""
        return HEADS[self.head]

    @property
    def stride(self) -> int:
        """The side of its coarsest cell in pixels, of which an image size is a multiple."""
        return int(self.model.stride.max())

    def require_masks(self) -> None:
        """Nothing, for segment weights.

        Raises:
            BaseModelError: for detect weights.
        """
        if not self.has_masks:
            raise BaseModelError(
                f"YOLO {self.name}: expected segment weights, since teachers.outliner is yolo, got detect weights, "
                "which draw no masks; set teachers.outliner to a teacher that draws them, such as sam"
            )

    @torch.inference_mode()
    def predict(self, image: NDArray[np.uint8], asked: Asked, detection: DetectionConfig, *, masks: bool) -> Detections:
        """The objects of an image.

        Args:
            image: uint8 [H, W, 3], RGB.
            asked: which of its classes are asked for, and at which size.
            detection: threshold, suppression and count.
            masks: whether their masks are asked for, too.

        Returns:
            By falling score, with `class_scores` [N, C] of the data's classes; NaN for one that the weights do not
            know.

        Raises:
            BaseModelError: if masks are asked for of a network without.
        """
        if masks:
            self.require_masks()
        canvas, letterbox = letterboxed(image, asked.image_size)
        device = next(self.model.parameters()).device
        answers, prototypes = decoded(self.model, torch.from_numpy(canvas).to(device), self.head)
        anchors = answers[0].float().cpu().numpy().T  # [A, 4 + K + M]
        xyxy = letterbox.boxes_to_image(cxcywh_to_xyxy(anchors[:, :4]))
        inside = box_area(xyxy) > 0  # what lies on the padding is no object
        anchors, xyxy = anchors[inside], xyxy[inside]
        last_score = 4 + len(self.class_names)
        scores = class_scores(anchors[:, 4:last_score], asked.columns)
        found, rows = best_detections(xyxy, scores, detection)
        if not masks or prototypes is None:
            return found
        probabilities = _masks(anchors[rows, last_score:], prototypes[0])
        drawn = letterbox.masks_to_image(list(probabilities), found.xyxy)
        return Detections(found.xyxy, found.scores, found.class_ids, drawn, found.class_scores)


def _masks(coefficients: NDArray[np.float32], prototypes: Tensor) -> NDArray[np.float32]:
    """Probabilities [N, h, w] over the canvas from coefficients [N, M] and prototypes [M, h, w]."""
    return torch.tensordot(torch.from_numpy(coefficients), prototypes.float().cpu(), 1).sigmoid().numpy()


def load_yolo(path: Path | str) -> Yolo:
    """A YOLO from a `.pt` file that Ultralytics saved.

    Raises:
        FileNotFoundError: if there is no such file.
        BaseModelError: see `read_checkpoint` and `build_network`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"YOLO {path}: expected a .pt file of Ultralytics, found none there")
    try:
        content = read_checkpoint(path)
    except FileError as error:
        raise BaseModelError(f"YOLO {path}: {error}") from error
    network = build_network(content.definition, len(content.class_names), content.tensors, str(path))
    return Yolo(network, content.class_names, content.definition, path.name)


def _rebuilt(
    definition: Mapping[str, Any], class_names: tuple[str, ...], tensors: Mapping[str, Tensor], name: str
) -> Yolo:
    return Yolo(build_network(definition, len(class_names), tensors, name), class_names, definition, name)
