"""Each failure in a sentence."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.object_errors import ErrorConfig, ImageErrors
from gsam_edge.vision.boxes import box_iou

#: What a reader is told of an error: TIDE's kinds are in the groups.
FailureKind: TypeAlias = Literal["missed", "invented", "confused", "outlined"]

#: The kind that a reader is told, by what became of an object or what is wrong with a detection.
TOLD: dict[str, FailureKind] = {
    "missed": "missed",
    "classification": "confused",
    "localisation": "outlined",
    "outline": "outlined",
    "both": "invented",
    "duplicate": "invented",
    "background": "invented",
}
#: Kinds in the order of a sentence, each with its word.
KINDS: dict[FailureKind, str] = {
    "missed": "missed",
    "confused": "confused",
    "outlined": "badly outlined",
    "invented": "invented",
}


def reasons(
    judged: ImageErrors,
    everything: PackedDetections,
    class_names: Sequence[str],
    thresholds: NDArray[np.float32],
    config: ErrorConfig,
) -> list[dict[str, Any]]:
    """Returns each failure of an image: `kind`, `class` (of the object, or of an invented one), `text` and `box`.

    The objects come first, then what was invented by falling score. `box` is left, top, right and bottom in pixels,
    that of the object where there is one.

    Args:
        judged: the detections from the thresholds on.
        everything: the detections of any score, which tell whether a missed object was seen at all.
        class_names: by class id.
        thresholds: the score from which a detection of a class counts, float32 [C].
        config: the overlaps.
    """
    objects, found = judged.truth.unmasked, judged.found.unmasked
    stands_for = {int(target): row for row, target in enumerate(judged.partner) if judged.stands[row]}
    told = []
    for target, kind in enumerate(judged.of_objects):
        if kind == "found":
            continue
        name = class_names[int(objects.class_ids[target])]
        row = stands_for.get(target)
        if row is None:
            text = f"misses {_quoted(name)}{_seen(judged, target, everything, class_names, thresholds, config)}"
        else:
            score = f"score {found.scores[row]:.2f}"
            if kind == "classification":
                text = f"takes {_quoted(name)} for {_quoted(class_names[int(found.class_ids[row])])} ({score})"
            else:
                what = "mask" if kind == "outline" else "box"
                text = f"outlines {_quoted(name)} badly: its {what} has an IoU of {judged.iou[row]:.2f} ({score})"
        told.append(_reason(TOLD[kind], name, text, objects.xyxy[target]))
    too_many = np.argsort(-found.scores, kind="stable")
    too_many = too_many[judged.wrong[too_many] & ~judged.stands[too_many]]
    return told + [_invented(judged, row, class_names) for row in too_many.tolist()]


def _invented(judged: ImageErrors, row: int, class_names: Sequence[str]) -> dict[str, Any]:
    found, error = judged.found.unmasked, judged.of_detections[row]
    name = class_names[int(found.class_ids[row])]
    text = f"finds {_quoted(name)} (score {found.scores[row]:.2f}) "
    if error == "background":
        text += "where nothing is labelled"
    else:
        other = _quoted(class_names[int(judged.truth.unmasked.class_ids[judged.partner[row]])])
        text += {
            "duplicate": "once more, on one that it found",
            "classification": f"on {other}, which it found as well",
            "both": f"half beside {other}",
        }[error]
    return _reason(TOLD[error], name, text, found.xyxy[row])


def _seen(
    judged: ImageErrors,
    target: int,
    everything: PackedDetections,
    class_names: Sequence[str],
    thresholds: NDArray[np.float32],
    config: ErrorConfig,
) -> str:
    """Returns what was found of a missed object below the threshold: it tells a low score from blindness."""
    objects, found = judged.truth.unmasked, everything.unmasked
    class_id = int(objects.class_ids[target])
    overlap = box_iou(found.xyxy, objects.xyxy[target : target + 1])[:, 0]
    below = found.scores < thresholds[found.class_ids]
    for rows, what in (
        (below & (found.class_ids == class_id), ""),
        (below & (found.class_ids != class_id), " as another class"),
    ):
        scores = np.where(rows & (overlap >= config.match_iou), found.scores, 0)
        best = int(scores.argmax()) if len(scores) else 0
        if len(scores) and scores[best] > 0:
            of_class = f", {_quoted(class_names[int(found.class_ids[best])])}" if what else ""
            least = thresholds[found.class_ids[best]]
            return f": seen{what}{of_class} with score {scores[best]:.2f}, below {least:.2f}"
    return ": nothing was found there, whatever the score"


def _reason(kind: FailureKind, name: str, text: str, xyxy: NDArray[np.float32]) -> dict[str, Any]:
    return {"kind": kind, "class": name, "text": text, "box": [round(float(side), 1) for side in xyxy]}


def _quoted(name: str) -> str:
    return f"'{name}'"


def counted(told: Sequence[dict[str, Any]]) -> str:
    """Returns how many failures of each kind there are, as in "2 missed, 1 invented"."""
    counts = {kind: sum(each["kind"] == kind for each in told) for kind in KINDS}
    return ", ".join(f"{count} {KINDS[kind]}" for kind, count in counts.items() if count)
