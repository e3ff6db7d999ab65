"""Labels that may be wrong: where truth, student and teacher disagree, each with how far it is believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.crowds import crowds_of, share_inside
from gsam_edge.coco.geometry.segmentation import Rle
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.review.beliefs import (
    LEAST_BELIEF,
    Finder,
    Sight,
    doubt_gap,
    doubt_label,
    doubt_mask,
    mask_overlap,
)
from gsam_edge.metrics.object_errors import ErrorConfig
from gsam_edge.vision.boxes import box_iou

#: `missing`: an object that nobody labelled; `class`: a label with another class; `place`: a label that lies badly;
#: `nothing`: a label where no finder sees an object.
CandidateKind: TypeAlias = Literal["missing", "class", "place", "nothing"]

CANDIDATE_KINDS: Mapping[CandidateKind, str] = {
    "missing": "label missing",
    "class": "class in doubt",
    "place": "box or mask in doubt",
    "nothing": "label of nothing",
}


@dataclass(frozen=True)
class Candidate:
    """One label that may be wrong.

    Attributes:
        kind: what may be wrong.
        belief: how far, 0..1.
        object_row: row of the labelled object among those of the image without crowds; -1 for a missing one.
        class_id: that the finders say; of a label of nothing its own.
        xyxy: where they see it, float32 [4]; of a label of nothing its own.
        rle: their mask, where they have one.
        finders: who says so.
        text: in words.
    """

    kind: CandidateKind
    belief: float
    object_row: int
    class_id: int
    xyxy: NDArray[np.float32]
    rle: Rle | None
    finders: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class _Seen:
    """One thing that one finder sees: its row in `sight`."""

    sight: Sight
    row: int

    @property
    def worth(self) -> float:
        return float(self.sight.worth[self.row])

    @property
    def class_id(self) -> int:
        return int(self.sight.found.unmasked.class_ids[self.row])

    @property
    def xyxy(self) -> NDArray[np.float32]:
        return self.sight.found.unmasked.xyxy[self.row]

    @property
    def rle(self) -> Rle | None:
        return self.sight.found.rles[self.row] if self.sight.found.mask_hw is not None else None


def candidates_of(
    annotations: Annotations,
    image_id: int,
    finders: Sequence[Finder],
    overlaps: ErrorConfig,
    *,
    wrong_labels: float,
    least: float,
) -> list[Candidate]:
    """Returns the labels of an image that may be wrong, the most doubtful first; of one label what is most probable.

    Args:
        annotations: the split.
        image_id: one of its images.
        finders: the models; one that was given the true boxes is none (see `masks_in_doubt`).
        overlaps: from which overlap on a detection is of an object.
        wrong_labels: share of the labels that are wrong before anybody has looked (0..1).
        least: candidates that are believed less are left out (0..1).
    """
    looking = [finder for finder in finders if image_id in finder.found]
    if not looking:
        return []
    truth = annotations.packed_truth(image_id)
    sights = [finder.beliefs.sight(finder.name, finder.found[image_id]) for finder in looking]
    found = []
    for row in range(len(truth)):
        candidate = _of_object(
            truth, row, sights, looking, annotations.class_names, overlaps, wrong_labels=wrong_labels
        )
        if candidate is not None and candidate.belief >= least:
            found.append(candidate)
    gaps = _missing(annotations, image_id, truth, sights, overlaps, wrong_labels=wrong_labels)
    found += [each for each in gaps if each.belief >= least]
    return sorted(found, key=lambda each: -each.belief)


def masks_in_doubt(
    annotations: Annotations, image_id: int, prompted: PackedDetections, overlaps: ErrorConfig
) -> list[Candidate]:
    """Returns the objects whose mask differs from the one that a teacher draws in their own box, the worst first.

    Args:
        annotations: the split.
        image_id: one of its images.
        prompted: the teacher's masks, row i for object i.
        overlaps: from which overlap on two masks agree.
    """
    truth = annotations.packed_truth(image_id)
    if prompted.mask_hw is None or len(prompted) != len(truth):
        return []
    found = []
    for row in range(len(truth)):
        where = truth.unmasked.xyxy[row]
        iou = mask_overlap(truth, row, prompted, row)
        # A box that was corrected since is not the one that was prompted with.
        is_prompt = float(box_iou(prompted.unmasked.xyxy[row][None], where[None])[0, 0]) >= overlaps.match_iou
        if iou is not None and is_prompt and iou < overlaps.mask_iou:
            class_id = int(truth.unmasked.class_ids[row])
            name = annotations.class_names[class_id]
            text = f"the mask of '{name}' may lie badly: in its box the teacher draws one with an IoU of {iou:.2f}"
            found.append(Candidate("place", 1 - iou, row, class_id, where, prompted.rles[row], ("teacher",), text))
    return sorted(found, key=lambda each: -each.belief)


def _of_object(
    truth: PackedDetections,
    row: int,
    sights: Sequence[Sight],
    finders: Sequence[Finder],
    names: Sequence[str],
    overlaps: ErrorConfig,
    *,
    wrong_labels: float,
) -> Candidate | None:
    """Returns what is most probably wrong with one label, however improbable; None where nobody says otherwise."""
    class_id, xyxy = int(truth.unmasked.class_ids[row]), truth.unmasked.xyxy[row]
    said: list[tuple[_Seen | None, int]] = []
    for sight, finder in zip(sights, finders, strict=True):
        at = sight.said(class_id, xyxy, overlaps)
        outcome = finder.beliefs.outcome(sight, at, xyxy, overlaps)
        said.append((None if at is None else _Seen(sight, at), outcome))
    told = [(finder.beliefs, outcome) for finder, (_, outcome) in zip(finders, said, strict=True)]
    doubt = doubt_label(class_id, told, wrong_labels=wrong_labels)
    name, other = names[class_id], int(doubt.of_class.argmax())
    of_other = [seen for seen, outcome in said if seen is not None and outcome == other]
    near = [
        seen for (seen, outcome), (beliefs, _) in zip(said, told, strict=True) if seen and outcome == beliefs.elsewhere
    ]
    in_doubt = []
    if of_other:
        text = f"'{name}' may be '{names[other]}': {_say(of_other, 'says', 'say')} so"
        in_doubt.append(_candidate("class", float(doubt.of_class[other]), row, of_other[0], of_other, text))
    if near:
        iou = float(box_iou(near[0].xyxy[None], xyxy[None])[0, 0])
        text = f"the box of '{name}' may lie badly: {_say(near, 'sees', 'see')} it elsewhere (IoU {iou:.2f})"
        in_doubt.append(_candidate("place", doubt.of_place, row, near[0], near, text))
    if all(outcome == beliefs.nothing for beliefs, outcome in told):
        seen_shares = " and ".join(f"{1 - beliefs.says[class_id, beliefs.nothing]:.0%}" for beliefs, _ in told)
        text = f"'{name}' may be a label of nothing: {_nobody(finders)} {seen_shares}"
        finder_names = tuple(finder.name for finder in finders)
        in_doubt.append(Candidate("nothing", doubt.of_nothing, row, class_id, xyxy, None, finder_names, text))
    for (seen, outcome), (beliefs, _) in zip(said, told, strict=True):
        if seen is None or outcome != class_id:
            continue
        mask_iou = mask_overlap(truth, row, seen.sight.found, seen.row)
        if mask_iou is not None and mask_iou < overlaps.mask_iou:
            text = f"the mask of '{name}' may lie badly: IoU {mask_iou:.2f} with the one of the {seen.sight.finder}"
            in_doubt.append(
                _candidate("place", doubt_mask(beliefs, wrong_labels=wrong_labels), row, seen, [seen], text)
            )
    return max(in_doubt, key=lambda each: each.belief, default=None)


def _missing(
    annotations: Annotations,
    image_id: int,
    truth: PackedDetections,
    sights: Sequence[Sight],
    overlaps: ErrorConfig,
    *,
    wrong_labels: float,
) -> list[Candidate]:
    """Returns what finders see where nothing is labelled, each thing once."""
    crowds = crowds_of(annotations, image_id)
    unlabelled: list[_Seen] = []
    for sight in sights:
        boxes = sight.found.unmasked
        is_known = (box_iou(boxes.xyxy, truth.unmasked.xyxy) >= overlaps.near_iou).any(axis=1)
        is_known |= (share_inside(boxes, crowds) >= overlaps.match_iou).any(axis=1) | (sight.worth < LEAST_BELIEF)
        unlabelled += [_Seen(sight, row) for row in np.flatnonzero(~is_known).tolist()]
    unlabelled.sort(key=lambda each: -each.worth)
    found, taken = [], np.zeros(len(unlabelled), bool)
    where = np.array([each.xyxy for each in unlabelled], np.float32).reshape(-1, 4)
    for at, best in enumerate(unlabelled):
        if taken[at]:
            continue
        here = (box_iou(where, best.xyxy[None])[:, 0] >= overlaps.match_iou) & ~taken
        taken |= here
        sayers: dict[str, _Seen] = {}
        for index in np.flatnonzero(here).tolist():
            each = unlabelled[index]
            if each.class_id == best.class_id:
                sayers.setdefault(each.sight.finder, each)
        said = list(sayers.values())
        name = annotations.class_names[best.class_id]
        text = f"a label '{name}' may be missing: {_say(said, 'sees', 'see')} one where nothing is labelled"
        belief = doubt_gap([each.worth for each in said], wrong_labels=wrong_labels)
        found.append(_candidate("missing", belief, -1, best, said, text))
    return found


def _candidate(
    kind: CandidateKind, belief: float, row: int, best: _Seen, sayers: Sequence[_Seen], text: str
) -> Candidate:
    finders = tuple(dict.fromkeys(each.sight.finder for each in sayers))
    return Candidate(kind, belief, row, best.class_id, best.xyxy, best.rle, finders, text)


def _nobody(finders: Sequence[Finder]) -> str:
    if len(finders) == 1:
        return f"the {finders[0].name} sees no object here; of its class it sees"
    return f"neither {' nor '.join(finder.name for finder in finders)} sees an object here; of its class they see"


def _say(sayers: Sequence[_Seen], one: str, several: str) -> str:
    """Returns who says it, with the verb, as in "the student (score 0.42) and the teacher (score 0.61) see"."""
    scores = [(each.sight.finder, each.sight.found.unmasked.scores[each.row]) for each in sayers]
    told = [f"the {finder} (score {score:.2f})" for finder, score in scores]
    return f"{' and '.join(told)} {one if len(told) == 1 else several}"
