"""Labelled pictures from memory in the form that Ultralytics' augmentation works on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gsam_edge.students.gateway import YOLODataset, merge_multi_segment
from gsam_edge.students.pictures import LabelledPictures
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_area, clip_xyxy, xyxy_to_cxcywh
from gsam_edge.vision.images import ImageSource


@dataclass(frozen=True)
class ObjectTable:
    """What is known of every labelled object beside its place in a picture; augmentation carries the row number.

    Attributes:
        class_ids: int64 [R].
        teacher: float32 [R, C], the teacher's score per class in 0..1, NaN where no teacher saw the object.
        has_mask: bool [R].
    """

    class_ids: Tensor
    teacher: Tensor
    has_mask: Tensor


@dataclass(frozen=True)
class TrainingLabels:
    """Labels as Ultralytics wants them, and the table that they point into.

    Attributes:
        records: one label mapping per picture.
        table: see `ObjectTable`.
        without_area: labelled objects left out because their box has no area in the picture.
    """

    records: list[dict[str, Any]]
    table: ObjectTable
    without_area: int


def collect_labels(pictures: LabelledPictures) -> TrainingLabels:
    """Labels of all pictures with their table.

    Raises:
        ValueError: if no object is left, or a class id or the width of `class_scores` is not one of the classes.
    """
    num_classes = len(pictures.class_names)
    records: list[dict[str, Any]] = []
    class_ids: list[NDArray[np.int64]] = []
    teacher: list[NDArray[np.float32]] = []
    has_mask: list[bool] = []
    without_area = 0
    for name, objects in pictures.labels.items():
        _check_classes(name, objects, num_classes)
        height, width = pictures.image_hw[name]
        xyxy = clip_xyxy(objects.xyxy, (height, width))
        sized = box_area(xyxy) > 0
        without_area += int((~sized).sum())
        kept, xyxy = objects.select(sized), xyxy[sized]
        polygons = [] if kept.masks is None else [mask_polygon(mask) for mask in kept.masks]
        scale = np.array([width, height, width, height], np.float32)
        first_row = len(has_mask)
        records.append(
            {
                "im_file": name,
                "shape": (height, width),
                "cls": np.arange(first_row, first_row + len(kept), dtype=np.float32)[:, None],
                "bboxes": xyxy_to_cxcywh(xyxy / scale),
                "segments": [
                    (_rectangle(box) if polygon is None else polygon) / scale[:2]
                    for polygon, box in zip(polygons, xyxy, strict=False)
                ],
                "normalized": True,
                "bbox_format": "xywh",
            }
        )
        class_ids.append(kept.class_ids)
        unseen = np.full((len(kept), num_classes), np.nan, np.float32)
        teacher.append(unseen if kept.class_scores is None else kept.class_scores)
        has_mask += [polygon is not None for polygon in polygons] or [False] * len(kept)
    if not has_mask:
        raise ValueError(f"student: expected a labelled object in {len(pictures.labels)} training pictures, got none")
    table = ObjectTable(
        torch.from_numpy(np.concatenate(class_ids)), torch.from_numpy(np.concatenate(teacher)), torch.tensor(has_mask)
    )
    return TrainingLabels(records, table, without_area)


def mask_polygon(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """One closed polygon [P, 2] (x, y pixels) around all parts of a mask [H, W] and its holes; None for an empty mask.

    Parts and holes hang together by lines without width, so that filling by the even-odd rule, as Ultralytics does with
    OpenCV, gives the mask back.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    parts = [contour.reshape(-1, 2).astype(np.float32) for contour in contours]
    joined = parts[0] if len(parts) == 1 else np.concatenate(merge_multi_segment(parts), axis=0).astype(np.float32)
    first, last = joined.min(0), joined.max(0)
    if (last == first).any():
        return _rectangle(np.concatenate([first, last + 1]))
    # OpenCV names pixels, a polygon names places: stretched by one pixel, its corners are those of the mask's box.
    return first + (joined - first) * ((last + 1 - first) / (last - first))


def _rectangle(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """The corners [4, 2] that carry an object without a mask through geometry; no mask is learnt from them."""
    left, top, right, bottom = xyxy
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _check_classes(name: str, objects: Detections, num_classes: int) -> None:
    wrong = [int(i) for i in objects.class_ids if not 0 <= i < num_classes]
    if wrong:
        raise ValueError(f"labels of {name}: expected class ids 0..{num_classes - 1}, got {wrong}")
    if objects.class_scores is not None and objects.class_scores.shape[1] != num_classes:
        raise ValueError(f"labels of {name}: expected {num_classes} class scores, got {objects.class_scores.shape[1]}")


class MemoryDataset(YOLODataset):  # type: ignore[misc]
    """Ultralytics' dataset without files: pictures from an `ImageSource`, labels from `collect_labels`."""

    def __init__(
        self,
        labels: TrainingLabels,
        images: ImageSource,
        *,
        cache_megabytes: int,
        names: Mapping[int, str],
        **options: Any,
    ) -> None:
        """Takes Ultralytics' further options by name.

        Args:
            labels: of all pictures.
            images: RGB pictures by `file_name`.
            cache_megabytes: resized pictures are kept in memory up to this size together.
            names: class names by class id.
            options: `imgsz`, `augment`, `hyp`, `task` and the like.
        """
        self._labels = labels
        self._images = images
        self._free_bytes = cache_megabytes * 2**20
        self._resized: dict[int, tuple[NDArray[np.uint8], tuple[int, int]]] = {}
        # With the "ram" cache mosaics draw from all pictures, not from a buffer that a resumed run would lack.
        super().__init__(img_path="", data={"names": dict(names), "nc": len(names)}, cache="ram", **options)

    def get_img_files(self, img_path: str | list[str]) -> list[str]:
        """Names instead of paths."""
        return [record["im_file"] for record in self._labels.records]

    def get_labels(self) -> list[dict[str, Any]]:
        """The records; their `cls` column holds rows of the object table."""
        return self._labels.records

    def check_cache_ram(self, safety_margin: float = 1.0) -> bool:
        """`load_image` watches its own limit."""
        return True

    def cache_images(self) -> None:
        """Nothing is read before it is needed."""

    def load_image(
        self, i: int, rect_mode: bool = True, resize_short: bool = False
    ) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[int, int]]:
        """A picture as BGR with its longer side at `imgsz`, its height and width before and after.

        Resized as `vision.Letterbox` does it at inference: antialiased, which OpenCV's bilinear is not.
        """
        if i not in self._resized:
            image = self._images[self.im_files[i]]
            height, width = image.shape[:2]
            scale = self.imgsz / max(height, width)
            resized_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
            resized = np.asarray(Image.fromarray(image).resize(resized_wh, Image.Resampling.BILINEAR))
            loaded = np.ascontiguousarray(resized[..., ::-1]), (height, width)
            if loaded[0].nbytes > self._free_bytes:
                return loaded[0], loaded[1], loaded[0].shape[:2]
            self._free_bytes -= loaded[0].nbytes
            self._resized[i] = loaded
        bgr, image_hw = self._resized[i]
        return bgr, image_hw, bgr.shape[:2]
