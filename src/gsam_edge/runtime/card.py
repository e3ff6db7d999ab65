"""The card of an exported student: its metadata."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gsam_edge.vision.errors import UserError
from gsam_edge.vision.text import name_fault

#: Ultralytics keeps a `task` of its own in the same place.
_TASK = "gsam_edge_task"
_THRESHOLDS = "recommended_thresholds"
_REQUIRED = (_TASK, "class_names", "image_size", "architecture", "version")
#: Longest side of a network input in pixels; its canvas takes 200 MB.
MAX_IMAGE_SIZE = 4096


class ArtefactError(UserError):
    """A file that is not an exported student of this project."""


@dataclass(frozen=True)
class Card:
    """Metadata inside an artefact, so that no other file is needed to use it.

    Attributes:
        task: what its outputs mean, a name of `runtime.tasks.table.TASKS`.
        class_names: the name of class id 0, 1, ...
        image_size: side of the square network input in pixels.
        architecture: the student's architecture, such as "yolov8-seg".
        version: version of gsam_edge that made it.
        weights: SHA-256 of the student's weights that it was exported from; None where it was not recorded.
        split: digest of the split of the images that it was trained with; None where it was not recorded.
        notes: what was chosen and done when the artefact was made, in sentences.
        recommended_thresholds: by class id, the score (0..1) from which an object is shown, chosen on validation
            images; None where none were.
    """

    task: str
    class_names: tuple[str, ...]
    image_size: int
    architecture: str
    version: str
    weights: str | None = None
    split: str | None = None
    notes: tuple[str, ...] = ()
    recommended_thresholds: tuple[float, ...] | None = None

    def to_properties(self) -> dict[str, str]:
        """Returns the card as text by key, the form in which model formats keep metadata."""
        recorded = {"weights": self.weights, "split": self.split}
        return {
            _TASK: self.task,
            "class_names": json.dumps(self.class_names, ensure_ascii=False),
            "image_size": str(self.image_size),
            "architecture": self.architecture,
            "version": self.version,
            **{key: value for key, value in recorded.items() if value is not None},
            **({"notes": json.dumps(self.notes, ensure_ascii=False)} if self.notes else {}),
            **({_THRESHOLDS: json.dumps(self.recommended_thresholds)} if self.recommended_thresholds else {}),
        }

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> "Card":
        """The inverse of `to_properties`; further keys are ignored.

        Raises:
            ArtefactError: if a key is missing or a value cannot be read.
        """
        missing = set(_REQUIRED) - set(properties)
        if missing:
            raise ArtefactError(f"metadata of the artefact: expected {sorted(missing)} too, got {sorted(properties)}")
        try:
            class_names = json.loads(properties["class_names"])
            notes = json.loads(properties.get("notes", "[]"))
            image_size = int(properties["image_size"])
            thresholds = json.loads(properties.get(_THRESHOLDS, "null"))
        except (ValueError, RecursionError) as error:
            raise ArtefactError(
                f"metadata of the artefact: class_names, notes, image_size or {_THRESHOLDS} is unreadable: {error}"
            ) from error
        for key, what, texts in (("class_names", "names", class_names), ("notes", "sentences", notes)):
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise ArtefactError(f"metadata {key}: expected a JSON list of {what}, got {properties[key]!r:.80}")
        if not class_names:
            raise ArtefactError("metadata class_names: expected at least one name, got none")
        if faults := [fault for name in class_names if (fault := name_fault(name))]:
            raise ArtefactError(f"metadata class_names: {faults[0]}")
        if not 1 <= image_size <= MAX_IMAGE_SIZE:
            raise ArtefactError(f"metadata image_size: expected 1..{MAX_IMAGE_SIZE} pixels, got {image_size}")
        return cls(
            task=properties[_TASK],
            class_names=tuple(class_names),
            image_size=image_size,
            architecture=properties["architecture"],
            version=properties["version"],
            weights=properties.get("weights"),
            split=properties.get("split"),
            notes=tuple(notes),
            recommended_thresholds=_thresholds(thresholds, len(class_names)),
        )


def _thresholds(values: object, classes: int) -> tuple[float, ...] | None:
    """Checks the recommended thresholds of a card with this number of classes; None where it has none."""
    if values is None:
        return None
    numbers = values if isinstance(values, list) else []
    sound = all(isinstance(value, (int, float)) and 0 <= value <= 1 for value in numbers)
    if not (sound and len(numbers) == classes):
        raise ArtefactError(
            f"metadata {_THRESHOLDS}: expected a number in 0..1 for each of {classes} classes, got {values!r:.80}"
        )
    return tuple(float(value) for value in numbers)
