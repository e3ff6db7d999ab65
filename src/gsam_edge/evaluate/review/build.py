"""Chooses the images whose labels are most doubtful, of all splits, and draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.predictions import Predictions
from gsam_edge.evaluate.review.beliefs import Beliefs, Finder
from gsam_edge.evaluate.review.candidates import CANDIDATE_KINDS, Candidate, candidates_of, masks_in_doubt
from gsam_edge.evaluate.review.config import ReviewConfig
from gsam_edge.evaluate.review.package import Review, ReviewedImage, build_review
from gsam_edge.metrics.object_errors import ErrorConfig
from gsam_edge.report.draw import LineStyle, draw_detections
from gsam_edge.report.plots.review import DoubtfulImage
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

#: Width of one of the two images of a drawing, pixels.
_DRAWN_WIDTH = 640


@dataclass(frozen=True)
class MadeReview:
    """A review with its report.

    Attributes:
        review: what is handed out.
        report: `images` of each split: {looked_at, of, doubtful}; `candidates` of each kind over all images that were
            looked at; `handed_out` {images, candidates}; `worst`, the rows of the review; `why` where there is none.
        drawn: the most doubtful images as a plot shows them.
    """

    review: Review
    report: dict[str, Any]
    drawn: list[DoubtfulImage]


def make_review(
    truth: Mapping[str, Annotations],
    student: Mapping[str, Predictions],
    teacher: Mapping[str, Predictions],
    images: ImageSource,
    config: ReviewConfig,
    overlaps: ErrorConfig,
) -> MadeReview:
    """Compares truth, student and teacher on every image that the student looked at.

    How far student and teacher can be believed is read off the validation images. A teacher that was given the true
    boxes says nothing of boxes and classes: only its masks are compared.

    Args:
        truth: `train`, `val` and `test`.
        student: what the student finds there, down to low scores; of `train` perhaps in some of the images.
        teacher: the teacher's labels of the same splits.
        images: by file name.
        config: how much is handed out.
        overlaps: from which overlap on two objects are one.
    """
    prompted = teacher["val"].predictor.prompted_with_boxes
    beliefs = {"student": Beliefs.of(truth["val"], student["val"], overlaps)}
    if not prompted:
        beliefs["teacher"] = Beliefs.of(truth["val"], teacher["val"], overlaps)
    found: list[ReviewedImage] = []
    counted: dict[str, dict[str, int]] = {}
    for split, annotations in truth.items():
        finders = [Finder("student", beliefs["student"], student[split].objects)]
        if not prompted:
            finders.append(Finder("teacher", beliefs["teacher"], teacher[split].objects))
        looked_at = [image["id"] for image in annotations.images if image["id"] in student[split].objects]
        doubtful = 0
        for image_id in looked_at:
            doubts = candidates_of(
                annotations,
                image_id,
                finders,
                overlaps,
                wrong_labels=config.wrong_labels,
                least=config.least_belief,
            )
            if prompted and image_id in teacher[split].objects:
                masks = masks_in_doubt(annotations, image_id, teacher[split].objects[image_id], overlaps)
                doubts = _joined(doubts, [each for each in masks if each.belief >= config.least_belief])
            if doubts:
                doubtful += 1
                found.append(ReviewedImage(annotations, split, image_id, doubts))
        counted[split] = {"looked_at": len(looked_at), "of": len(annotations.images), "doubtful": doubtful}
    found.sort(key=lambda each: (-each.score, each.file_name))
    handed_out = found[: config.count]
    source = truth["val"].source
    review = build_review(handed_out, source)
    drawings = {each.file_name: _drawing(each, images) for each in handed_out}
    kinds = [candidate.kind for each in found for candidate in each.candidates]
    report: dict[str, Any] = {
        "images": counted,
        "candidates": {CANDIDATE_KINDS[kind]: kinds.count(kind) for kind in CANDIDATE_KINDS},
        "handed_out": {"images": len(handed_out), "candidates": sum(len(each.candidates) for each in handed_out)},
        "worst": list(review.rows),
    }
    if not found:
        report["why"] = f"no label is doubted with a belief of {config.least_belief:g} or more"
    drawn = [_doubtful(each, images) for each in handed_out[: config.drawn]]
    return MadeReview(Review(review.labels, review.candidates, review.rows, source, drawings), report, drawn)


def _joined(doubts: Sequence[Candidate], masks: Sequence[Candidate]) -> list[Candidate]:
    """Returns the candidates of both lists, of one object the one that is believed more."""
    best: dict[int, Candidate] = {}
    rest = []
    for each in (*doubts, *masks):
        if each.object_row < 0:
            rest.append(each)
        elif each.object_row not in best or best[each.object_row].belief < each.belief:
            best[each.object_row] = each
    return sorted((*best.values(), *rest), key=lambda each: -each.belief)


def _doubtful(image: ReviewedImage, images: ImageSource) -> DoubtfulImage:
    truth = image.annotations.packed_truth(image.image_id)
    doubted = {each.object_row for each in image.candidates}
    return DoubtfulImage(
        image=images[image.file_name],
        file_name=image.file_name,
        split=image.split,
        truth=truth.unpack(),
        doubted=[row in doubted for row in range(len(truth))],
        seen=_seen(image.candidates),
        reasons=[each.text for each in image.candidates],
    )


def _seen(candidates: Sequence[Candidate]) -> Detections:
    """Returns what the finders see, with their belief as the score; a label of nothing is nothing that is seen."""
    shown = [each for each in candidates if each.kind != "nothing"]
    return Detections(
        xyxy=np.array([each.xyxy for each in shown], np.float32).reshape(-1, 4),
        scores=np.array([each.belief for each in shown], np.float32),
        class_ids=np.array([each.class_id for each in shown], np.int64),
    )


def _drawing(image: ReviewedImage, images: ImageSource) -> bytes:
    """Returns a JPEG: the labels on the left, dotted where they are doubted, and what the finders see on the right."""
    doubtful = _doubtful(image, images)
    names = image.annotations.class_names
    lines: list[LineStyle] = ["dotted" if each else "solid" for each in doubtful.doubted]
    pair = [
        draw_detections(doubtful.image, doubtful.truth, names, width=_DRAWN_WIDTH, with_scores=False, lines=lines),
        draw_detections(doubtful.image, doubtful.seen, names, width=_DRAWN_WIDTH),
    ]
    buffer = BytesIO()
    Image.fromarray(np.concatenate(pair, axis=1)).save(buffer, format="JPEG", quality=88)
    return buffer.getvalue()
