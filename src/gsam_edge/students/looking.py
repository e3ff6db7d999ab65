"""What a student sees in many images: its detections, and a vector of features of each image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich import get_console
from rich.progress import track

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.device import DeviceName, resolve_device
from gsam_edge.vision.images import ImageSource


@dataclass(frozen=True)
class Look:
    """What a student sees in images.

    Attributes:
        found: image ids to its detections, down to the score that was asked for.
        features: of each image in the order of `found`, float32 [images, F]: the mean over the image of each channel of
            the feature maps that its head reads, or for a student that shows none a small grey image, scaled to length
            1.
    """

    found: dict[int, PackedDetections]
    features: NDArray[np.float32]


def look_at(
    weights: StudentWeights,
    annotations: Annotations,
    image_ids: Sequence[int],
    images: ImageSource,
    *,
    score_threshold: float,
    device: DeviceName,
) -> Look:
    """Runs a student in PyTorch on images, one by one.

    Args:
        weights: the student.
        annotations: the images' records.
        image_ids: which images.
        images: by file name.
        score_threshold: objects that score less are dropped (0..1).
        device: where it runs.
    """
    predict = StudentPredictor(weights, score_threshold=score_threshold, device=resolve_device(device))
    found: dict[int, PackedDetections] = {}
    features: list[NDArray[np.float32]] = []
    with predict.watched() as maps:
        is_quiet = not get_console().is_terminal
        for image_id in track(image_ids, "The student looks at images", transient=True, disable=is_quiet):
            image = images[annotations.image_by_id[image_id]["file_name"]]
            found[image_id] = PackedDetections.pack(predict(image))
            features.append(_pooled(maps) if maps else _thumbnail(image))
            maps.clear()
    return Look(found, np.stack(features) if features else np.zeros((0, 0), np.float32))


def _pooled(maps: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    levels = [_unit(each.float().mean(dim=(2, 3))[0].cpu().numpy()) for each in maps]
    return _unit(np.concatenate(levels))


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = np.asarray(Image.fromarray(image).convert("L").resize((16, 16), Image.Resampling.BOX), np.float32)
    return _unit((grey - grey.mean()).reshape(-1))


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values / max(float(np.linalg.norm(values)), 1e-12)


def some_images(annotations: Annotations, most: int, seed: int) -> list[int]:
    """Returns the ids of at most `most` images, drawn by the seed where there are more, in the order of the split."""
    ids = [image["id"] for image in annotations.images]
    if len(ids) <= most:
        return ids
    rows = np.random.default_rng(seed).choice(len(ids), most, replace=False)
    return [ids[row] for row in sorted(rows.tolist())]
