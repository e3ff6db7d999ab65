"""Finds by columns, for all at once, the annotations that are surely sound; only the others are checked singly.

Whatever is found sound here passes the checks of `check_objects` unchanged and without a finding. The reverse does not
hold: a sound annotation with an unusual shape may have to be checked singly.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.shapes import MAX_COORDINATE, OUTLINE_LIMIT, ROUNDING
from gsam_edge.coco.table.fields import ObjectFields


def sound_rows(
    fields: ObjectFields,
    images: Mapping[int, Mapping[str, Any]],
    categories: Mapping[int, Mapping[str, Any]],
    *,
    area_tolerance: float,
) -> NDArray[np.bool_]:
    """Returns whether each annotation is surely sound by itself, bool [N]; repeated ids and objects are not checked.

    Args:
        fields: the annotations.
        images: sound image records by id.
        categories: sound category records by id.
        area_tolerance: an area may differ from its mask's by this share of it.
    """
    is_known, height_width = _sizes(fields.image_id, images)
    is_sound = fields.is_regular & is_known & np.isin(fields.category_id, list(categories))
    has_box = ~np.isnan(fields.xywh[:, 0])
    is_sound &= has_box | fields.is_outlined
    is_sound &= ~has_box | _are_boxes_sound(fields.xywh, height_width)
    is_sound &= fields.is_maskless | _are_outlines_sound(fields, height_width)
    return is_sound & _are_areas_sound(fields, area_tolerance)


def _sizes(
    image_id: NDArray[np.int64], images: Mapping[int, Mapping[str, Any]]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Returns whether each image id is known, bool [N], and its height and width, float64 [N, 2]; zeros where not."""
    ids = np.fromiter(images, np.int64, len(images))
    sizes = np.array([(image["height"], image["width"]) for image in images.values()], np.float64)
    order = np.argsort(ids)
    places = order[np.minimum(np.searchsorted(ids, image_id, sorter=order), len(ids) - 1)]
    is_known = ids[places] == image_id
    return is_known, sizes[places] * is_known[:, None]


def _are_boxes_sound(xywh: NDArray[np.float64], height_width: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether boxes have a size and lie within their image, rounding aside, bool [N]."""
    low, side = xywh[:, :2], xywh[:, 2:]
    limit = height_width[:, ::-1]
    high = low + side
    is_covering = np.minimum(high, limit) > np.maximum(low, 0)
    is_inside = (low >= -ROUNDING) & (high <= limit + ROUNDING)
    is_finite = (np.abs(low) <= MAX_COORDINATE) & (side > 0) & (side <= MAX_COORDINATE)
    is_sound: NDArray[np.bool_] = is_covering & is_inside & is_finite
    return np.all(is_sound, axis=1)


def _are_outlines_sound(fields: ObjectFields, height_width: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether polygons lie within their image, cover a pixel of it and can be drawn, bool [N]."""
    is_inside = (fields.low >= 0).all(axis=1) & (fields.high <= height_width[:, ::-1]).all(axis=1)
    # Lengths are summed in another order here than one by one: those near the limit are left to the single check.
    is_drawable = fields.polygon_length < 0.99 * OUTLINE_LIMIT * height_width.prod(axis=1)
    return fields.is_outlined & fields.covers_a_pixel & is_inside & is_drawable


def _are_areas_sound(fields: ObjectFields, tolerance: float) -> NDArray[np.bool_]:
    """Whether the area is absent, or not negative and close to that of the polygons or else the box, bool [N]."""
    expected = np.where(fields.is_outlined, fields.polygon_area, fields.xywh[:, 2] * fields.xywh[:, 3])
    # As with lengths: sums in another order may differ in their last digits.
    allowed = np.maximum(1.0, tolerance * expected) * (1 - 1e-9)
    return np.isnan(fields.area) | ((fields.area >= 0) & (np.abs(fields.area - expected) <= allowed))
