"""Labels that may be wrong: where truth, student and teacher disagree, each with how far the finders can be believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.crowds import crowds_of, share_inside
from gsam_edge.coco.geometry.segmentation import Rle, rle_iou
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.review.beliefs import Finder, Sight
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
    annotations: Annotations, image_id: int, finders: Sequence[Finder], config: ErrorConfig, *, least: float
) -> list[Candidate]:
    """Returns the labels of an image that may be wrong, the most doubtful first.

    Args:
        annotations: the split.
        image_id: one of its images.
        finders: the models; one that was given the true boxes is none (see `masks_in_doubt`).
        config: overlaps.
        least: candidates that are believed less are left out (0..1).
    """
    truth = annotations.packed_truth(image_id)
    sights = [
        Sight(finder.name, finder.found[image_id], finder.beliefs(finder.found[image_id].unmasked))
        for finder in finders
        if image_id in finder.found
    ]
    if not sights:
        return []
    names = annotations.class_names
    found = [each for row in range(len(truth)) for each in _of_object(truth, row, sights, finders, names, config)]
    found += _missing(annotations, image_id, truth, sights, config, least / 2)
    return sorted((each for each in found if each.belief >= least), key=lambda each: -each.belief)


def masks_in_doubt(
    annotations: Annotations, image_id: int, prompted: PackedDetections, *, mask_iou: float
) -> list[Candidate]:
    """Returns the objects whose mask differs from the one that a teacher draws in their own box, the worst first.

    Args:
        annotations: the split.
        image_id: one of its images.
        prompted: the teacher's masks, row i for object i.
        mask_iou: from which overlap on two masks agree.
    """
    truth = annotations.packed_truth(image_id)
    if truth.mask_hw is None or prompted.mask_hw is None or len(prompted) != len(truth):
        return []
    found = []
    for row in np.flatnonzero(truth.mask_areas > 0).tolist():
        iou = rle_iou(truth.rles[row], prompted.rles[row])
        if iou < mask_iou:
            class_id = int(truth.unmasked.class_ids[row])
            name = annotations.class_names[class_id]
            text = f"the mask of '{name}' may lie badly: in its box the teacher draws one with an IoU of {iou:.2f}"
            where = truth.unmasked.xyxy[row]
            found.append(
                Candidate("place", 1 - iou, row, class_id, where, prompted.rles[row], ("teacher",), text)
            )
    return sorted(found, key=lambda each: -each.belief)


def together(worths: Sequence[float]) -> float:
    """Returns how far several finders that see the same are believed: the best, and by the others more."""
    return 1 - float(np.prod([1 - worth for worth in worths])) if len(worths) else 0.0


def _of_object(
    truth: PackedDetections,
    row: int,
    sights: Sequence[Sight],
    finders: Sequence[Finder],
    names: Sequence[str],
    config: ErrorConfig,
) -> list[Candidate]:
    """Returns what is in doubt about one labelled object: at most one candidate."""
    class_id, xyxy = int(truth.unmasked.class_ids[row]), truth.unmasked.xyxy[row]
    same: list[_Seen] = []
    others: list[_Seen] = []
    near: list[_Seen] = []
    for sight in sights:
        overlap, is_class = sight.overlap(xyxy), sight.found.unmasked.class_ids == class_id
        for rows, where in (
            (is_class & (overlap >= config.match_iou), same),
            (~is_class & (overlap >= config.match_iou), others),
            (is_class & (overlap >= config.near_iou) & (overlap < config.match_iou), near),
        ):
            if rows.any():
                where.append(_Seen(sight, int(np.where(rows, sight.worth, -1).argmax())))
    agreed = together([each.worth for each in same])
    name = names[class_id]
    if others:
        best = max(others, key=lambda each: each.worth)
        sayers = [each for each in others if each.class_id == best.class_id]
        belief = together([each.worth for each in sayers]) * (1 - agreed)
        text = f"'{name}' may be '{names[best.class_id]}': {_say(sayers, 'says', 'say')} so"
        in_doubt = [_candidate("class", belief, row, best, sayers, text)]
    else:
        in_doubt = []
    if same and (worst := _bad_mask(truth, row, same, config)) is not None:
        seen, iou = worst
        text = f"the mask of '{name}' may lie badly: IoU {iou:.2f} with the one of the {seen.sight.finder}"
        in_doubt.append(_candidate("place", seen.worth * (1 - iou), row, seen, [seen], text))
    if near and not same:
        best = max(near, key=lambda each: each.worth)
        iou = float(box_iou(best.xyxy[None], xyxy[None])[0, 0])
        text = f"the box of '{name}' may lie badly: {_say(near, 'sees', 'see')} it elsewhere (IoU {iou:.2f})"
        in_doubt.append(_candidate("place", together([each.worth for each in near]), row, best, near, text))
    if not (same or others or near):
        seen_share = together([float(finder.beliefs.seen[class_id]) for finder in finders if _looked(finder, sights)])
        text = f"'{name}' may be nothing: no finder sees an object here, and they see {seen_share:.0%} of its class"
        in_doubt.append(Candidate("nothing", seen_share, row, class_id, xyxy, None, _names_of(sights), text))
    return [max(in_doubt, key=lambda each: each.belief)] if in_doubt else []


def _looked(finder: Finder, sights: Sequence[Sight]) -> bool:
    return any(sight.finder == finder.name for sight in sights)


def _bad_mask(
    truth: PackedDetections, row: int, same: Sequence[_Seen], config: ErrorConfig
) -> tuple[_Seen, float] | None:
    """Returns who draws the mask of a found object otherwise, and the IoU; None where all agree with the label."""
    if truth.mask_hw is None or not truth.mask_areas[row]:
        return None
    drawn = [(each, rle_iou(truth.rles[row], each.rle)) for each in same if each.rle is not None]
    if not drawn or max(iou for _, iou in drawn) >= config.mask_iou:
        return None
    return max(drawn, key=lambda pair: pair[0].worth)


def _missing(
    annotations: Annotations,
    image_id: int,
    truth: PackedDetections,
    sights: Sequence[Sight],
    config: ErrorConfig,
    least: float,
) -> list[Candidate]:
    """Returns what finders see where nothing is labelled, each thing once; `least` is what one of them must believe."""
    crowds = crowds_of(annotations, image_id)
    unlabelled: list[_Seen] = []
    for sight in sights:
        boxes = sight.found.unmasked
        is_known = (box_iou(boxes.xyxy, truth.unmasked.xyxy) >= config.near_iou).any(axis=1)
        is_known |= (share_inside(boxes, crowds) >= config.match_iou).any(axis=1) | (sight.worth < least)
        unlabelled += [_Seen(sight, row) for row in np.flatnonzero(~is_known).tolist()]
    unlabelled.sort(key=lambda each: -each.worth)
    found, taken = [], np.zeros(len(unlabelled), bool)
    where = np.array([each.xyxy for each in unlabelled], np.float32).reshape(-1, 4)
    for at, best in enumerate(unlabelled):
        if taken[at]:
            continue
        here = (box_iou(where, best.xyxy[None])[:, 0] >= config.match_iou) & ~taken
        taken |= here
        sayers: dict[str, _Seen] = {}
        for index in np.flatnonzero(here).tolist():
            each = unlabelled[index]
            if each.class_id == best.class_id:
                sayers.setdefault(each.sight.finder, each)
        said = list(sayers.values())
        name = annotations.class_names[best.class_id]
        text = f"a '{name}' may be missing: {_say(said, 'sees', 'see')} one where nothing is labelled"
        found.append(_candidate("missing", together([each.worth for each in said]), -1, best, said, text))
    return found


def _candidate(
    kind: CandidateKind, belief: float, row: int, best: _Seen, sayers: Sequence[_Seen], text: str
) -> Candidate:
    finders = tuple(dict.fromkeys(each.sight.finder for each in sayers))
    return Candidate(kind, belief, row, best.class_id, best.xyxy, best.rle, finders, text)


def _names_of(sights: Sequence[Sight]) -> tuple[str, ...]:
    return tuple(sight.finder for sight in sights)


def _say(sayers: Sequence[_Seen], one: str, several: str) -> str:
    """Returns who says it, with the verb, as in "the student (score 0.42) and the teacher (score 0.61) see"."""
    scores = [(each.sight.finder, each.sight.found.unmasked.scores[each.row]) for each in sayers]
    told = [f"the {finder} (score {score:.2f})" for finder, score in scores]
    return f"{' and '.join(told)} {one if len(told) == 1 else several}"
