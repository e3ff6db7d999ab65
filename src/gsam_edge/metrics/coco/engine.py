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
from gsam_edge.coco.table.columns import positions
from gsam_edge.metrics.coco.shapes import IouType, Shapes, found_shapes, true_shapes

#: The names of COCO's area ranges, in the order of its arrays.
AREAS = ("all", "small", "medium", "large")
#: Most detections of an image and class that count, in the order of COCO's arrays.
MOST_DETECTIONS = (1, 10, 100)
#: Above every score: nothing is asked about detections that may show an error of the labels.
_NO_SCORE = 2.0


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

        self._iou_type, self._objects, self._shapes = iou_type, true, found
        self._image_ids = [int(image["id"]) for image in images]
        #: The categories in the order of the arrays.
        self.category_ids = sorted(int(category["id"]) for category in categories)
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
        """Returns the matches by category id and area range, of all categories.

        Args:
            ious: a detection is correct from this IoU with an object on.
            areas: names of `AREAS`.
        """
        found = {area: self._matched(ious, area) for area in areas}
        return {
            category_id: {area: self._of_category(category_id, *found[area]) for area in areas}
            for category_id in self.category_ids
        }

    def _matched(
        self, ious: Sequence[float], area: str
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """Returns whether each detection is correct and whether it counts, bool [T, N], and which objects do, bool [M].

        The library's own lists of matches take fifty times as long to read: they hold every image and category by
        itself. Its diagnosis of one area range, which must be named "all", holds the same by the ids of the objects.
        """
        evaluation = self._new()
        ranges = dict(zip(AREAS, evaluation.params.area_rng, strict=True))
        evaluation.params.iou_thrs = [float(iou) for iou in ious]
        evaluation.params.area_rng, evaluation.params.area_rng_lbl = [ranges[area]], ["all"]
        evaluation.evaluate()
        correct, counted = (np.zeros((len(ious), len(self._shapes)), bool) for _ in range(2))
        objects = np.zeros(len(self._objects), bool)
        for level, iou in enumerate(ious):
            found = evaluation.image_diagnostics(iou_thr=float(iou), score_thr=_NO_SCORE)
            for mask, ids in ((correct[level], found["dt_match"]), (counted[level], found["dt_status"])):
                mask[np.fromiter(ids, np.int64, len(ids)) - 1] = True
            objects[np.fromiter(found["gt_status"], np.int64, len(found["gt_status"])) - 1] = True
        return correct, counted, objects

    def _of_category(
        self, category_id: int, correct: NDArray[np.bool_], counted: NDArray[np.bool_], objects: NDArray[np.bool_]
    ) -> Matches:
        image, rank, score = self._places
        rows = self._by_category[category_id]
        true = self._objects.category_id == category_id
        return Matches(
            image[rows],
            score[rows],
            rank[rows],
            correct[:, rows],
            counted[:, rows],
            np.bincount(self._rows_of(self._objects.image_id[true & objects]), minlength=len(self._image_ids)).astype(
                np.int64
            ),
        )

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Row of the image, rank within image and category, and score of each detection, [N]."""
        shapes = self._shapes
        score = np.zeros(len(shapes)) if shapes.score is None else shapes.score
        order = np.lexsort((-score, shapes.category_id, shapes.image_id))
        begins = np.ones(len(order), bool)
        for column in (shapes.image_id[order], shapes.category_id[order]):
            begins[1:] &= column[1:] == column[:-1]
        begins[1:] = ~begins[1:]
        place = np.arange(len(order))
        rank = np.empty(len(order), np.int64)
        rank[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
        return self._rows_of(shapes.image_id), rank, score

    @cached_property
    def _by_category(self) -> dict[int, NDArray[np.int64]]:
        """Rows of the detections of each category that COCO looks at, by image id and falling score.

        So of equal scores the lower image id comes first, as in COCO.
        """
        shapes, (_, rank, score) = self._shapes, self._places
        order = np.lexsort((-score, shapes.image_id))
        order = order[rank[order] < MOST_DETECTIONS[-1]]
        return {key: order[shapes.category_id[order] == key] for key in self.category_ids}

    def _rows_of(self, image_id: NDArray[np.int64]) -> NDArray[np.int64]:
        return positions(self._image_ids, image_id)
