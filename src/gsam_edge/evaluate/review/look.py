"""The student looks at images that nobody measured it on: for the review, and for the choice of what to label next."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.evaluate.review.beliefs import Beliefs
from gsam_edge.evaluate.review.config import NextToLabelConfig
from gsam_edge.evaluate.review.next_to_label import COLUMNS, next_to_label, told_by
from gsam_edge.metrics.object_errors import ErrorConfig
from gsam_edge.report.plots.review import ProposedImage
from gsam_edge.students.looking import look_at, some_images
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    import pandas as pd

#: Most labelled images from which proposed ones should differ.
_MOST_LABELLED = 1000
#: Drawn detections score at least this.
_DRAWN_SCORE = 0.1


def findings_of(
    weights: StudentWeights,
    annotations: Annotations,
    images: ImageSource,
    *,
    most: int,
    threshold: float,
    seed: int,
    device: DeviceName,
    store: MutableMapping[str, dict[str, Any]],
) -> Predictions:
    """Returns what a student finds in at most `most` images of a split, drawn by the seed.

    Each image's look is stored at once, so that a killed run continues (`students.looking.look_at`).

    Raises:
        InvalidDatasetError: if it was trained for other classes or on another split.
    """
    require_made_from(
        annotations,
        what="student_weights",
        class_names=weights.class_names,
        split_digest=weights.split,
        remedy="run the pipeline distillation",
    )
    ids = some_images(annotations, most, seed)
    look = look_at(weights, annotations, ids, images, score_threshold=threshold, device=device, store=store)
    about = PredictorInfo("student", weights.digest, prompted_with_boxes=False)
    return Predictions(look.found, annotations.class_names, about, annotations.split_digest)


@dataclass(frozen=True)
class Proposed:
    """The images that are proposed to be labelled.

    Attributes:
        report: see `next_to_label`; with `why` where there is nothing to label.
        table: the same as a table.
        drawn: the first of them as a plot shows them.
    """

    report: dict[str, Any]
    table: "pd.DataFrame"
    drawn: list[ProposedImage]


def propose(
    weights: StudentWeights,
    parts: Mapping[str, Annotations],
    student_val: Predictions,
    teacher: Mapping[str, Predictions],
    images: ImageSource,
    config: NextToLabelConfig,
    *,
    unlabelled_mark: str,
    overlaps: ErrorConfig,
    threshold: float,
    seed: int,
    device: DeviceName,
    store: MutableMapping[str, dict[str, Any]],
    why_empty: str | None = None,
) -> Proposed:
    """Proposes images of the pool.

    Args:
        weights: the student.
        parts: `train`, `val` and `pool`, whose objects are not read.
        student_val: what the student finds in the validation images, which says how far it can be believed.
        teacher: the teacher's labels of `val` and `pool`; of a pool image there may be none.
        images: by file name, those of the pool too.
        config: how many.
        unlabelled_mark: what the names of images of the catalog's `unlabelled_images` begin with.
        overlaps: from which overlap on a detection is of an object.
        threshold: score from which detections are looked at (0..1).
        seed: for the choice of images where there are too many.
        device: where the student runs.
        store: keeps what the student sees in each image, see `students.looking.look_at`.
        why_empty: why there is no image in the pool, where that is known.
    """
    import pandas as pd

    pool, train = parts["pool"], parts["train"]
    if not (pool.images and config.looked_at):
        reason = f" ({why_empty})" if why_empty else ""
        why = f"there are no unlabelled images{reason}: put some into the dataset's folder unlabelled/"
        why = "next_to_label.looked_at is 0" if pool.images else why
        nothing: dict[str, Any] = {"images": [], "looked_at": 0, "of": len(pool.images), "why": why}
        return Proposed(nothing, pd.DataFrame(columns=list(COLUMNS)), [])
    beliefs = {"student": Beliefs.of(parts["val"], student_val, overlaps)}
    if not teacher["val"].predictor.prompted_with_boxes:
        beliefs["teacher"] = Beliefs.of(parts["val"], teacher["val"], overlaps)
    ids = some_images(pool, config.looked_at, seed)
    look = look_at(weights, pool, ids, images, score_threshold=threshold, device=device, store=store)
    near = some_images(train, _MOST_LABELLED, seed)
    labelled = look_at(weights, train, near, images, score_threshold=threshold, device=device, store=store)
    told = []
    for image_id in ids:
        labels = teacher["pool"].objects.get(image_id) if "teacher" in beliefs else None
        told.append(told_by(look.found[image_id], labels, beliefs, pool.class_names))
    names = [pool.image_by_id[image_id]["file_name"] for image_id in ids]

    def shown_name(name: str) -> tuple[str, str]:
        if name.startswith(unlabelled_mark):
            return f"unlabelled/{name.removeprefix(unlabelled_mark)}", "unlabelled"
        return name, "held back"

    report = next_to_label(
        names, told, look.features, labelled.features, config, of=len(pool.images), shown_name=shown_name
    )
    row_of = {shown_name(name)[0]: row for row, name in enumerate(names)}
    drawn = []
    for each in report["images"][: config.drawn]:
        row = row_of[each["file_name"]]
        found = look.found[ids[row]]
        shown = found.select(found.unmasked.scores >= _DRAWN_SCORE).unpack()
        drawn.append(ProposedImage(images[names[row]], each["file_name"], shown, each["why"]))
    return Proposed(report, pd.DataFrame(report["images"], columns=list(COLUMNS)), drawn)
