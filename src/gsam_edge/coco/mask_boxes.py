"""Whether the boxes of a dataset are the tight boxes of its masks."""

import numpy as np

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import segmentation_area
from gsam_edge.vision.boxes import box_iou, xywh_to_xyxy

#: Objects that are looked at, spread evenly over the dataset: how boxes were made shows in few.
_LOOKED_AT = 1000
#: A box is its mask's where no side is further away (pixels: polygons end between pixels, masks on them), or where
#: their IoU is above this.
_WITHIN, _ABOVE_IOU = 1.0, 0.95
#: The boxes of a dataset are its masks' where this share of those looked at are: COCO's own have a few that are not.
_SHARE = 0.9


def boxes_are_of_masks(annotations: Annotations) -> bool:
    """Returns whether an object's box is, by these annotations, the tight box of its mask.

    It is where boxes were computed from the masks (`bbox_source: segmentation`), and where those that were given with
    the masks agree with them, as in most COCO files. It is not where boxes were drawn on their own, with a margin or
    around what is hidden, nor where there are no masks.
    """
    columns = annotations.columns
    masked = columns.has_mask & ~columns.is_crowd
    rows = np.flatnonzero(masked & columns.has_labelled_box)
    if not len(rows):
        return bool(masked.any())
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _LOOKED_AT)).astype(int))]
    looked_at = agree = 0
    for record in (annotations.objects[row] for row in rows.tolist()):
        image = annotations.image_by_id[record["image_id"]]
        area, xywh = segmentation_area(record["segmentation"], (image["height"], image["width"]))
        if not area:
            continue  # an empty mask has no box that could agree
        looked_at += 1
        box, tight = xywh_to_xyxy(record["bbox"]), xywh_to_xyxy(xywh)
        agree += bool(np.abs(box - tight).max() <= _WITHIN or box_iou(box, tight)[0, 0] > _ABOVE_IOU)
    return looked_at > 0 and agree >= _SHARE * looked_at
