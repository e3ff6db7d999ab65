"""COCO's evaluation by hotcoco, its only importer: figures, curves, matches and diagnoses.

It was chosen over pycocotools because its figures are the same to the last digits (docs/adr/0030) in a fiftieth of the
time. Definitions: Lin et al. 2014, "Microsoft COCO: Common Objects in Context", and https://cocodataset.org/#detection-eval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.coco.shapes import IouType, Shapes, found_shapes, true_shapes

#: The names of COCO's area ranges, in the order of its arrays.
AREAS = ("all", "small", "medium", "large")
#: Most detections of an image and class that count, in the order of COCO's arrays.
MOST_DETECTIONS = (1, 10, 100)
#: Images whose matches are in memory at once as Python objects.
_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class Matches:
    """What was matched in the images of one class, in one area range.

    Attributes:
        image: row of the image of each of N detections, int64 [N], by image id and falling score.
        score: float64 [N].
        rank: place of the detection among those of its image by falling score, from 0, int64 [N].
        correct: whether it matches an object that counts, at each of T IoUs, bool [T, N].
        counted: whether it is correct or wrong, and not neither, bool [T, N].
        objects: objects that count in each image, int64 [images].
    """

    image: NDArray[np.int64]
    score: NDArray[np.float64]
    rank: NDArray[np.int64]
    correct: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    objects: NDArray[np.int64]


class CocoEngine:
    """True and found objects of a split, compared by boxes or by masks.

    Crowd regions count as in COCO: a detection inside one is neither right nor wrong.
    """

    def __init__(
        self,
        images: Sequence[Mapping[str, Any]],
        categories: Sequence[Mapping[str, Any]],
        true: Shapes,
        found: Shapes,
        iou_type: IouType,
    ) -> None:
        """Takes a split's images and categories, COCO records, and objects, all of known images and categories."""
        from hotcoco import COCO

        self._iou_type = iou_type
        self._image_ids = [int(image["id"]) for image in images]
        # Ids from 1: COCO's matching takes the id 0 for "not matched".
        self._true = COCO.from_arrays(
            [{"id": image["id"], "width": image["width"], "height": image["height"]} for image in images],
            [{"id": category["id"], "name": category["name"]} for category in categories],
            true.image_id,
            true.category_id,
            true.xywh,
            ids=np.arange(1, len(true) + 1),
            area=true.area,
            iscrowd=None if true.is_crowd is None else true.is_crowd.astype(np.int64),
            segmentation=None if true.rles is None else list(true.rles),
        )
        score = np.zeros(len(found)) if found.score is None else found.score
        rows = np.column_stack([found.image_id, found.xywh, score, found.category_id]).astype(np.float64)
        self._found = self._true.load_res(rows, segmentation=None if found.rles is None else list(found.rles))
        if len(found):
            self._found.update_anns(ids=np.arange(1, len(found) + 1), area=found.area)

    @classmethod
    def of(cls, truth: Annotations, predictions: Mapping[int, PackedDetections], iou_type: IouType) -> Self:
        """Compares predictions with a split; arguments and errors as of `detection.evaluate_predictions`."""
        found = found_shapes(truth, predictions, iou_type)
        return cls(truth.images, truth.categories, true_shapes(truth, iou_type), found, iou_type)

    @cached_property
    def _evaluation(self) -> Any:
        evaluation = self._new()
        evaluation.evaluate()
        evaluation.accumulate()
        return evaluation

    def _new(self) -> Any:
        from hotcoco import COCOeval

        return COCOeval(self._true, self._found, self._iou_type)

    @cached_property
    def category_ids(self) -> list[int]:
        """The categories in the order of the arrays."""
        return [int(category_id) for category_id in self._evaluation.params.cat_ids]

    @cached_property
    def precision(self) -> NDArray[np.float64]:
        """Interpolated precision [IoU, 101 recall points, category, area, most detections]; -1 without objects."""
        return np.asarray(self._evaluation.eval["precision"], np.float64)

    @cached_property
    def recall(self) -> NDArray[np.float64]:
        """Recall [IoU, category, area, most detections]; -1 without objects."""
        return np.asarray(self._evaluation.eval["recall"], np.float64)

    def confusion(self, iou: float) -> NDArray[np.int64]:
        """Returns how often each category was taken for each, int64 [categories + 1, categories + 1].

        Rows are true, columns found; the last row and the last column are the background. Every detection counts.
        """
        matrix = self._new().confusion_matrix(iou_thr=iou, max_det=None)["matrix"]
        return np.asarray(matrix).astype(np.int64)

    def errors(self) -> tuple[dict[str, float], dict[str, int]]:
        """Returns by how much AP50 would rise without each kind of error, and how many there are (see `ERRORS`)."""
        found = self._evaluation.tide_errors(pos_thr=0.5, bg_thr=0.1)
        return dict(found["delta_ap"]), dict(found["counts"])

    def calibration(self, bins: int, iou: float) -> dict[str, Any]:
        """Returns `ece` and `bins` {bin_lower, bin_upper, avg_confidence, avg_accuracy, count}."""
        return dict(self._evaluation.calibration(n_bins=bins, iou_threshold=iou))

    def matches(self, ious: Sequence[float], areas: Sequence[str] = ("all",)) -> dict[int, dict[str, Matches]]:
        """Returns the matches by category id and area range, of the categories that have objects or detections.

        Args:
            ious: a detection is correct from this IoU with an object on.
            areas: names of `AREAS`.
        """
        evaluation = self._new()
        ranges = dict(zip(AREAS, evaluation.params.area_rng, strict=True))
        evaluation.params.iou_thrs = [float(iou) for iou in ious]
        evaluation.params.area_rng, evaluation.params.area_rng_lbl = [ranges[area] for area in areas], list(areas)
        name_of = {tuple(ranges[area]): area for area in areas}
        row_of = {image_id: row for row, image_id in enumerate(self._image_ids)}
        collected: dict[tuple[int, str], list[dict[str, Any]]] = {}
        # Images by id, so that of equal scores the lower image id comes first, as in COCO.
        ordered = sorted(self._image_ids)
        for start in range(0, len(ordered), _IMAGES_AT_ONCE):
            evaluation.params.img_ids = ordered[start : start + _IMAGES_AT_ONCE]
            evaluation.evaluate()
            for each in evaluation.eval_imgs:
                if each is not None:
                    key = int(each["category_id"]), name_of[tuple(each["aRng"])]
                    collected.setdefault(key, []).append(_compact(each, row_of, len(ious)))
        matches: dict[int, dict[str, Matches]] = {}
        for (category_id, area), parts in collected.items():
            objects = np.zeros(len(self._image_ids), np.int64)
            for part in parts:
                objects[part["row"]] = part["objects"]
            matches.setdefault(category_id, {})[area] = Matches(
                np.repeat([part["row"] for part in parts], [len(part["score"]) for part in parts]).astype(np.int64),
                np.concatenate([part["score"] for part in parts]),
                np.concatenate([np.arange(len(part["score"])) for part in parts]),
                np.concatenate([part["correct"] for part in parts], axis=1),
                np.concatenate([part["counted"] for part in parts], axis=1),
                objects,
            )
        return matches


def _compact(each: Mapping[str, Any], row_of: Mapping[int, int], ious: int) -> dict[str, Any]:
    """Returns the matches of one image, category and area range as arrays."""
    score = np.array(each["dtScores"], np.float64)
    counted = ~np.array(each["dtIgnore"], bool).reshape(ious, len(score))
    return {
        "row": row_of[each["image_id"]],
        "score": score,
        "counted": counted,
        "correct": np.array(each["dtMatched"], bool).reshape(ious, len(score)) & counted,
        "objects": len(each["gtIgnore"]) - sum(each["gtIgnore"]),
    }
