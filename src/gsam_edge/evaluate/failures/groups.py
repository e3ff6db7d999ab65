"""Which objects are found less often than others: by class, size, place in the image and quality of the image."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.images.quality import ImageQuality
from gsam_edge.evaluate.failures.words import TOLD
from gsam_edge.metrics.bootstrap import enough_images, estimate
from gsam_edge.metrics.object_errors import ERROR_KINDS, ImageErrors
from gsam_edge.vision.boxes import box_area

#: COCO's limits of small and of medium objects, pixels of area.
_SMALL, _MEDIUM = 32**2, 96**2
#: Share of the images that are called dark, bright, blurred or of little contrast.
_TAIL = 0.25
#: Fewer images are not divided by their quality.
_FEWEST_IMAGES = 8
#: Two-sided, in percent, of the interval by which a group differs from the others: there are a dozen or two groups, and
#: with 95 % one of twenty that are alike would differ.
_SURE = (0.5, 99.5)
#: A group of fewer objects says nothing.
_FEWEST_OBJECTS = 5


@dataclass(frozen=True)
class JudgedImages:
    """The errors of all images of a split, flat.

    Attributes:
        images: their number.
        image: row of each object's image, int64 [N].
        class_ids: int64 [N].
        area: pixels, float64 [N].
        at_edge: bool [N].
        outcome: what became of it (`ImageErrors.of_objects`), [N].
        invented_image: row of the image of each detection that is too many, int64 [M].
        invented_class_ids: int64 [M].
        invented_area: pixels of the box, float64 [M].
        invented_at_edge: bool [M].
        invented_error: `ImageErrors.of_detections`, [M].
    """

    images: int
    image: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    area: NDArray[np.float64]
    at_edge: NDArray[np.bool_]
    outcome: NDArray[np.str_]
    invented_image: NDArray[np.int64]
    invented_class_ids: NDArray[np.int64]
    invented_area: NDArray[np.float64]
    invented_at_edge: NDArray[np.bool_]
    invented_error: NDArray[np.str_]

    @classmethod
    def of(cls, truth: Annotations, judged: Mapping[int, ImageErrors], *, edge: float) -> "JudgedImages":
        """Flattens the errors of all images of a split; `edge` is the share of the shorter side that is the edge."""
        objects: list[tuple[Any, ...]] = []
        invented: list[tuple[Any, ...]] = []
        for row, image in enumerate(truth.images):
            each = judged[image["id"]]
            records = [record for record in truth.objects_of_image[image["id"]] if not record.get("iscrowd")]
            boxes = each.truth.unmasked
            areas = [
                float(record["area"]) if record.get("area") is not None else float(box_area(box))
                for record, box in zip(records, boxes.xyxy, strict=True)
            ]
            near = _at_edge(boxes.xyxy, image, edge)
            objects += zip([row] * len(areas), boxes.class_ids, areas, near, each.of_objects, strict=True)
            extra = np.flatnonzero(each.wrong & ~each.stands)
            found = each.found.unmasked.select(extra)
            kinds = [each.of_detections[index] for index in extra]
            near = _at_edge(found.xyxy, image, edge)
            invented += zip([row] * len(kinds), found.class_ids, box_area(found.xyxy), near, kinds, strict=True)
        return cls(len(truth.images), *_columns(objects), *_columns(invented))


class Group(NamedTuple):
    """A group of objects by name: which of them, bool [N], and which of the invented detections, bool [M]."""

    name: str
    objects: NDArray[np.bool_]
    invented: NDArray[np.bool_]


def failure_groups(
    judged: JudgedImages,
    class_names: Sequence[str],
    quality: Sequence[ImageQuality],
    draws: NDArray[np.int64],
) -> dict[str, list[dict[str, Any]]]:
    """Returns the groups of objects under `class`, `size`, `edge` and `quality`, and the kinds of `error`.

    A group of objects has `name`, `images` that hold any of it, `objects`, `found`, `missed`, `confused`, `outlined`
    (badly), `invented`; where it has objects `lost`, the share of them that was not found or badly; where enough images
    have them `lost_ci95`, `others` (the share of all other objects) and a `verdict`: whether it differs from them.
    A kind of error has `name`, `meaning`, `count`, its `share` of all errors, and the `objects` it concerns.

    Args:
        judged: the errors of all images.
        class_names: by class id.
        quality: of each image.
        draws: how often each image counts in each resample, see `bootstrap.drawn_images`.
    """
    groups = {
        "class": list(_classes(judged, class_names)),
        "size": list(_sizes(judged)),
        "edge": list(_edges(judged)),
        "quality": list(_qualities(judged, quality)),
    }
    told = {name: [_row(group, judged, draws) for group in each] for name, each in groups.items()}
    return {name: [row for row in rows if row["objects"] or row["invented"]] for name, rows in told.items()} | {
        "error": _errors(judged)
    }


def notable(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Returns a sentence for each group that is lost more often than the others, the largest difference first."""
    found = []
    for name in ("class", "size", "edge", "quality"):
        for row in groups[name]:
            if row.get("verdict", "").startswith("lost more often"):
                who = f"Objects of class '{row['name']}'" if name == "class" else f"Objects {row['name']}"
                if name == "size":
                    who = f"Objects that are {row['name']}"
                lost = row["missed"] + row["confused"] + row["outlined"]
                sentence = f"{who} are lost more often: {lost} of {row['objects']} ({row['lost']:.0%}), others "
                found.append((row["lost"] - row["others"], f"{sentence}{row['others']:.0%}."))
    return [sentence for _, sentence in sorted(found, reverse=True)]


def _columns(rows: Sequence[tuple[Any, ...]]) -> Iterator[NDArray[Any]]:
    types = (np.int64, np.int64, np.float64, np.bool_, np.str_)
    for column, kind in enumerate(types):
        yield np.array([row[column] for row in rows], kind)


def _at_edge(xyxy: NDArray[np.float32], image: Mapping[str, Any], edge: float) -> NDArray[np.bool_]:
    width, height = image["width"], image["height"]
    near = edge * min(width, height)
    low, high = xyxy[:, :2] <= near, xyxy[:, 2:] >= np.array([width, height]) - near
    return np.asarray((low | high).any(axis=1))


def _classes(judged: JudgedImages, class_names: Sequence[str]) -> Iterator[Group]:
    for class_id, name in enumerate(class_names):
        yield Group(name, judged.class_ids == class_id, judged.invented_class_ids == class_id)


def _sizes(judged: JudgedImages) -> Iterator[Group]:
    limits = ((0, _SMALL), (_SMALL, _MEDIUM), (_MEDIUM, np.inf))
    names = ("small (under 32 x 32 px)", "medium (32 x 32 to 96 x 96 px)", "large (from 96 x 96 px on)")
    for name, (low, high) in zip(names, limits, strict=True):
        of_objects, of_invented = judged.area, judged.invented_area
        yield Group(name, (low <= of_objects) & (of_objects < high), (low <= of_invented) & (of_invented < high))


def _edges(judged: JudgedImages) -> Iterator[Group]:
    yield Group("at the edge of the image", judged.at_edge, judged.invented_at_edge)
    yield Group("away from the edge", ~judged.at_edge, ~judged.invented_at_edge)


def _qualities(judged: JudgedImages, quality: Sequence[ImageQuality]) -> Iterator[Group]:
    if len(quality) < _FEWEST_IMAGES:
        return
    values = {name: np.array([getattr(each, name) for each in quality]) for name in ImageQuality._fields}
    named = (
        ("in the most blurred quarter of the images", values["sharpness"], False),
        ("in the darkest quarter of the images", values["brightness"], False),
        ("in the brightest quarter of the images", values["brightness"], True),
        ("in the quarter of the images with least contrast", values["contrast"], False),
    )
    for name, of_images, is_high in named:
        if of_images.min() == of_images.max():
            continue
        share = 1 - _TAIL if is_high else _TAIL
        limit = np.quantile(of_images, share)
        rows = of_images >= limit if is_high else of_images <= limit
        yield Group(name, rows[judged.image], rows[judged.invented_image])


def _row(group: Group, judged: JudgedImages, draws: NDArray[np.int64]) -> dict[str, Any]:
    outcome = judged.outcome[group.objects]
    told = np.array([TOLD.get(kind, "found") for kind in outcome.tolist()])
    row: dict[str, Any] = {
        "name": group.name,
        "images": len({*judged.image[group.objects].tolist(), *judged.invented_image[group.invented].tolist()}),
        "objects": len(outcome),
        **{kind: int((told == kind).sum()) for kind in ("found", "missed", "confused", "outlined")},
        "invented": int(group.invented.sum()),
    }
    if len(outcome):
        row["lost"] = round(1 - row["found"] / len(outcome), 4)
    return row | _against_others(group, judged, draws)


def _against_others(group: Group, judged: JudgedImages, draws: NDArray[np.int64]) -> dict[str, Any]:
    """Returns the interval of the share that is lost, that of the other objects, and whether they differ."""
    is_lost = judged.outcome != "found"

    def per_image(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(judged.image[rows], minlength=judged.images).astype(np.int64)

    def share(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        objects = draws @ per_image(rows)
        return np.where(objects > 0, draws @ per_image(rows & is_lost) / np.maximum(objects, 1), np.nan)

    if not enough_images(per_image(group.objects)):
        return {}
    of_group = share(group.objects)
    _, *interval = estimate(of_group)
    told: dict[str, Any] = {"lost_ci95": [round(end, 4) for end in interval]}
    if enough_images(per_image(~group.objects)):
        of_others = share(~group.objects)
        low, high = np.nanpercentile((of_group - of_others)[1:], _SURE)
        told["others"] = round(float(of_others[0]), 4)
        told["verdict"] = _verdict(float(low), float(high), int(group.objects.sum()))
    return told


def _verdict(low: float, high: float, objects: int) -> str:
    if objects < _FEWEST_OBJECTS or low <= 0 <= high:
        return "not distinguishable from the others"
    return f"lost {'more' if low > 0 else 'less'} often than the others"


def _errors(judged: JudgedImages) -> list[dict[str, Any]]:
    rows = []
    total = int((judged.outcome != "found").sum()) + len(judged.invented_error)
    for kind, meaning in ERROR_KINDS.items():
        objects = int((judged.outcome == kind).sum())
        count = objects + int((judged.invented_error == kind).sum())
        if count:
            share = round(count / total, 4)
            rows.append({"name": kind, "meaning": meaning, "count": count, "share": share, "objects": objects})
    return sorted(rows, key=lambda row: -row["count"])
