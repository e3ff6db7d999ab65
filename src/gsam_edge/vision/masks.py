"""Binary masks: run-length encoding as COCO defines it, boxes and overlap."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from gsam_edge.vision.rle import run_lengths

#: pycocotools 2.0.11 takes no more: it keeps their number in eight bits.
_AREAS_AT_ONCE = 255


def decode_segmentation(segmentation: Any, image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """A COCO segmentation as a mask, bool [H, W].

    Args:
        segmentation: a list of polygons [x0, y0, x1, y1, ...] in pixels, or an RLE mapping with `size` (height, width)
            and `counts`, compressed (str or bytes) or not (list of int, column-major runs that begin with background).
        image_hw: height and width of the image; polygons are drawn into it.

    Raises:
        ValueError: if it is neither, an RLE's size is not the image's, or its counts do not cover the image exactly.
    """
    return coco_mask.decode(segmentation_to_rle(segmentation, image_hw)).astype(bool)


def segmentation_to_rle(segmentation: Any, image_hw: tuple[int, int]) -> dict[str, Any]:
    """A COCO segmentation (see `decode_segmentation`) as one compressed RLE with bytes `counts`."""
    height, width = image_hw
    if isinstance(segmentation, Mapping):
        runs, counts = _runs(segmentation, image_hw), segmentation["counts"]
        if isinstance(counts, list):
            rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        else:
            rle = {"size": [height, width], "counts": counts.encode("ascii") if isinstance(counts, str) else counts}
        # pycocotools' box of a code with runs of no pixels is wrong: such a code is drawn and encoded anew.
        return rle if runs[1:].all() else coco_mask.encode(np.asfortranarray(coco_mask.decode(rle)))
    if isinstance(segmentation, Sequence) and segmentation and not isinstance(segmentation, str | bytes):
        return coco_mask.merge(coco_mask.frPyObjects(list(segmentation), height, width))
    raise ValueError(f"segmentation: expected a list of polygons or an RLE mapping, got {type(segmentation).__name__}")


def _runs(rle: Mapping[str, Any], image_hw: tuple[int, int]) -> NDArray[np.int64]:
    """The runs of an RLE mapping of this image's size, int64 [R]; ValueError if it is damaged."""
    size, counts = rle.get("size"), rle.get("counts")
    if not isinstance(size, list | tuple) or list(size) != list(image_hw):
        raise ValueError(f"RLE: expected size {list(image_hw)}, got {size!r:.80}")
    if not isinstance(counts, list | str | bytes):
        raise ValueError(f"RLE: expected counts as text or a list, got {type(counts).__name__}")
    return run_lengths(counts, image_hw)


def segmentation_pixels(segmentation: Any, image_hw: tuple[int, int]) -> int:
    """The area of `segmentation_area`, in pixels; cheaper, where the box is not needed."""
    if isinstance(segmentation, Mapping):
        return int(_runs(segmentation, image_hw)[1::2].sum())
    return int(coco_mask.area(segmentation_to_rle(segmentation, image_hw)))


def segmentation_area(segmentation: Any, image_hw: tuple[int, int]) -> tuple[int, list[float]]:
    """Area in pixels and tight COCO box (left, top, width, height; zeros for an empty mask) of a segmentation.

    Equal to what `decode_segmentation` gives, without decoding; arguments and errors as there.
    """
    rle = segmentation_to_rle(segmentation, image_hw)
    return int(coco_mask.area(rle)), [float(side) for side in coco_mask.toBbox(rle)]


def polygon_areas(polygons: Sequence[NDArray[np.float64]], image_hw: tuple[int, int]) -> NDArray[np.int64]:
    """Areas in pixels, int64 [K], of single polygons [x0, y0, x1, y1, ...], each drawn for itself into an image."""
    height, width = image_hw
    areas = [
        coco_mask.area(coco_mask.frPyObjects(list(polygons[start : start + _AREAS_AT_ONCE]), height, width))
        for start in range(0, len(polygons), _AREAS_AT_ONCE)
    ]
    return np.concatenate(areas).astype(np.int64) if areas else np.zeros(0, np.int64)


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask [H, W] as compressed COCO RLE with `counts` as text, ready for JSON."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def masks_to_xyxy(masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Tight corners [N, 4], float32 pixels, of masks [N, H, W]; zeros for an empty mask.

    The right and bottom corners are exclusive, so that width and height count pixels as COCO's `toBbox` does.
    """
    boxes = np.zeros((len(masks), 4), np.float32)
    for row, mask in enumerate(masks):
        columns = np.flatnonzero(mask.any(axis=0))
        lines = np.flatnonzero(mask.any(axis=1))
        if len(columns):
            boxes[row] = columns[0], lines[0], columns[-1] + 1, lines[-1] + 1
    return boxes


def mask_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Intersection over union [N, M] of masks [N, H, W] and [M, H, W]; 0 where both are empty."""
    a_flat = a.reshape(len(a), int(np.prod(a.shape[1:]))).astype(np.float32)
    b_flat = b.reshape(len(b), int(np.prod(b.shape[1:]))).astype(np.float32)
    intersection = a_flat @ b_flat.T
    union = a_flat.sum(1)[:, None] + b_flat.sum(1)[None, :] - intersection
    return (intersection / np.maximum(union, 1)).astype(np.float32)


def paired_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Intersection over union [N] of masks [N, H, W], row by row; 0 where both are empty."""
    union = (a | b).sum((1, 2))
    return ((a & b).sum((1, 2)) / np.maximum(union, 1)).astype(np.float32)
