"""What a student sees in many images: its detections, and a vector of features of each image."""

import base64
import hashlib
import json
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich import get_console
from rich.progress import track

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections, StoredDetectionsError
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.device import DeviceName, resolve_device
from gsam_edge.vision.images import ImageSource, image_digest

#: Raised when a stored look or its key changes, so that those of an earlier format are made anew.
_FORMAT = 1
#: Single precision, the same bytes on every machine.
_SINGLE = np.dtype("<f4")


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
    store: MutableMapping[str, dict[str, Any]],
) -> Look:
    """Runs a student in PyTorch on images, one by one, but for those that it has looked at before.

    What it sees in an image is stored at once, so that a killed look continues where it was; an image whose look is
    stored is not decoded. What is returned is what the store gives back, and so the same after a kill.

    Args:
        weights: the student.
        annotations: the images' records.
        image_ids: which images.
        images: by file name.
        score_threshold: objects that score less are dropped (0..1).
        device: where it runs.
        store: records by hex digest of student, image and threshold.

    Raises:
        StoredDetectionsError: if a stored record is damaged.
    """
    names = {image_id: annotations.image_by_id[image_id]["file_name"] for image_id in image_ids}
    about = [_FORMAT, weights.digest, score_threshold]
    keys = {image_id: _key(about, image_digest(images, name)) for image_id, name in names.items()}
    unseen = [image_id for image_id, key in keys.items() if key not in store]
    if unseen:
        predict = StudentPredictor(weights, score_threshold=score_threshold, device=resolve_device(device))
        is_quiet = not get_console().is_terminal
        with predict.watched() as maps:
            for image_id in track(unseen, "The student looks at images", transient=True, disable=is_quiet):
                image = images[names[image_id]]
                found = PackedDetections.pack(predict(image))
                features = _pooled(maps) if maps else _thumbnail(image)
                maps.clear()
                store[keys[image_id]] = {"found": found.to_record(), "features": _encoded(features)}
    records = {image_id: store[key] for image_id, key in keys.items()}
    vectors = [_decoded(record) for record in records.values()]
    return Look(
        {image_id: PackedDetections.from_record(record["found"]) for image_id, record in records.items()},
        np.stack(vectors) if vectors else np.zeros((0, 0), np.float32),
    )


def _key(about: Sequence[Any], image: str) -> str:
    """Returns a digest of all that a look depends on, by the digest of the image."""
    return hashlib.sha256(json.dumps([*about, image]).encode()).hexdigest()


def _encoded(features: NDArray[np.float32]) -> str:
    return base64.b64encode(features.astype(_SINGLE).tobytes()).decode("ascii")


def _decoded(record: Mapping[str, Any]) -> NDArray[np.float32]:
    """Returns the features of a stored look, float32 [F], bit for bit."""
    try:
        return np.frombuffer(base64.b64decode(record["features"], validate=True), _SINGLE).astype(np.float32)
    except (LookupError, TypeError, ValueError) as error:
        raise StoredDetectionsError(
            f"the student's look at an image: expected `found` and `features` as this version writes them, got "
            f"{record!r:.200}: {error!r}; delete the folder student_looks and run the pipeline review again"
        ) from error


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
