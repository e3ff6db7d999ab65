"""Conversions between COCO segmentations (polygons and RLE), masks, areas and boxes."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from gsam_edge.vision.boxes import xywh_to_xyxy
from gsam_edge.vision.rle import run_lengths, window_runs

#: A mask as one compressed COCO RLE: `size` [height, width] and `counts`, column-major runs as bytes (in JSON as text).
Rle: TypeAlias = dict[str, Any]

#: Most polygons in one call: pycocotools 2.0.11 keeps their number in eight bits.
_AREAS_AT_ONCE = 255


def decode_segmentation(segmentation: Any, image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Decodes a COCO segmentation to a mask, bool [H, W].

    Args:
        segmentation: a list of polygons [x0, y0, x1, y1, ...] in pixels, or an RLE mapping with `size` (height, width)
            and `counts`, compressed (str or bytes) or not (list of int, column-major runs that begin with background).
        image_hw: height and width of the image; polygons are drawn into it.

    Raises:
        ValueError: if it is neither, an RLE's size is not the image's, or its counts do not cover the image exactly.
    """
    return coco_mask.decode(segmentation_to_rle(segmentation, image_hw)).astype(bool)


def segmentation_to_rle(segmentation: Any, image_hw: tuple[int, int]) -> Rle:
    """Converts a COCO segmentation (see `decode_segmentation` for arguments and errors) to one checked RLE."""
    height, width = image_hw
    if isinstance(segmentation, Mapping):
        runs, counts = _runs(segmentation, image_hw), segmentation["counts"]
        if isinstance(counts, list):
            rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        else:
            rle = {"size": [height, width], "counts": counts.encode("ascii") if isinstance(counts, str) else counts}
        # pycocotools' box of an RLE with runs of no pixels is wrong: such an RLE is decoded and encoded again.
        return rle if runs[1:].all() else coco_mask.encode(np.asfortranarray(coco_mask.decode(rle)))
    if isinstance(segmentation, Sequence) and segmentation and not isinstance(segmentation, str | bytes):
        return coco_mask.merge(coco_mask.frPyObjects(list(segmentation), height, width))
    raise ValueError(f"segmentation: expected a list of polygons or an RLE mapping, got {type(segmentation).__name__}")


def _runs(rle: Mapping[str, Any], image_hw: tuple[int, int]) -> NDArray[np.int64]:
    """Returns the runs of an RLE mapping of this image's size, int64 [R]; raises ValueError if it is damaged."""
    size, counts = rle.get("size"), rle.get("counts")
    if not isinstance(size, list | tuple) or list(size) != list(image_hw):
        swapped = ": height and width are exchanged" if size == [image_hw[1], image_hw[0]] else ""
        raise ValueError(f"RLE: expected size {list(image_hw)}, got {size!r:.80}{swapped}")
    if not isinstance(counts, list | str | bytes):
        raise ValueError(f"RLE: expected counts as text or a list, got {type(counts).__name__}")
    return run_lengths(counts, image_hw)


def segmentation_pixels(segmentation: Any, image_hw: tuple[int, int]) -> int:
    """Returns the area of a segmentation in pixels; cheaper than `segmentation_area` where the box is not needed."""
    if isinstance(segmentation, Mapping):
        return int(_runs(segmentation, image_hw)[1::2].sum())
    return int(coco_mask.area(segmentation_to_rle(segmentation, image_hw)))


def segmentation_area(segmentation: Any, image_hw: tuple[int, int]) -> tuple[int, list[float]]:
    """Returns area in pixels and tight COCO box (left, top, width, height; zeros for an empty mask).

    Equal to what `decode_segmentation` gives, without decoding; arguments and errors as there.
    """
    rle = segmentation_to_rle(segmentation, image_hw)
    return int(coco_mask.area(rle)), [float(side) for side in coco_mask.toBbox(rle)]


def polygon_areas(polygons: Sequence[NDArray[np.float64]], image_hw: tuple[int, int]) -> NDArray[np.int64]:
    """Returns areas in pixels, int64 [K], of polygons [x0, y0, x1, y1, ...], each drawn alone into an image."""
    height, width = image_hw
    areas = [
        coco_mask.area(coco_mask.frPyObjects(list(polygons[start : start + _AREAS_AT_ONCE]), height, width))
        for start in range(0, len(polygons), _AREAS_AT_ONCE)
    ]
    return np.concatenate(areas).astype(np.int64) if areas else np.zeros(0, np.int64)


def mask_to_rle(mask: NDArray[np.bool_]) -> Rle:
    """Encodes a mask [H, W] as RLE."""
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


def window_to_rle(part: NDArray[np.bool_], corner_xy: tuple[int, int], image_hw: tuple[int, int]) -> Rle:
    """Encodes a mask that is empty outside a window, without its pixels there; equal to `mask_to_rle`.

    Args:
        part: the mask in the window, bool [h, w].
        corner_xy: left and top of the window in pixels of the image.
        image_hw: height and width of the image in pixels.
    """
    runs = window_runs(part, corner_xy, image_hw)
    return segmentation_to_rle({"size": image_hw, "counts": runs.tolist()}, image_hw)


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Encodes a mask [H, W] as compressed COCO RLE with `counts` as text, ready for JSON."""
    return rle_to_json(mask_to_rle(mask))


def rle_to_json(rle: Rle) -> dict[str, Any]:
    """Returns an RLE with its `counts` as text, ready for JSON."""
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def empty_rle(image_hw: tuple[int, int]) -> Rle:
    """Returns the RLE of a mask without pixels."""
    return segmentation_to_rle({"size": image_hw, "counts": [image_hw[0] * image_hw[1]]}, image_hw)


def rle_areas(rles: Sequence[Rle]) -> NDArray[np.int64]:
    """Returns the number of pixels of each of N masks, int64 [N]."""
    return np.array([coco_mask.area(rle) for rle in rles], np.int64)


def rle_boxes(rles: Sequence[Rle]) -> NDArray[np.float32]:
    """Returns the tight corners of N masks, float32 [N, 4] pixels, as `masks_to_xyxy` does; zeros for empty ones."""
    return xywh_to_xyxy([coco_mask.toBbox(rle) for rle in rles])


def rle_iou(a: Rle, b: Rle) -> float:
    """Returns intersection over union of two masks, 0 where both are empty, without decoding them.

    Equal, to the last bit, to what `vision.masks.paired_iou` gives for the decoded masks.

    Raises:
        ValueError: if the masks differ in size.
    """
    if a["size"] != b["size"]:
        raise ValueError(f"mask IoU: expected masks of one size, got {a['size']} and {b['size']}")
    return float(np.float32(coco_mask.iou([a], [b], [False])[0, 0]))
