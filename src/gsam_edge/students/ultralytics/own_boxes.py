"""Boxes of the data that differ from those of its masks: loose ones, or of objects that are partly hidden."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.students.ultralytics.imports import RandomPerspective
from gsam_edge.vision.boxes import clip_xyxy
from gsam_edge.vision.masks import CroppedMasks, masks_to_xyxy

#: Largest difference in pixels between a box and its mask's box that counts as rounding: conventions differ by one.
_ROUNDING = 1.0


def box_differs_from_mask(xyxy: NDArray[np.float32], masks: CroppedMasks | None) -> NDArray[np.bool_]:
    """Returns which objects have a mask and a box that is not the mask's, bool [N].

    Args:
        xyxy: corners [N, 4] in pixels.
        masks: N masks, empty where an object has none; or None.
    """
    if masks is None:
        return np.zeros(len(xyxy), bool)
    tight = masks_to_xyxy(masks)
    return (np.abs(tight - xyxy) > _ROUNDING).any(axis=1) & (tight[:, 2] > tight[:, 0])


class OwnBoxPerspective(RandomPerspective):  # type: ignore[misc]
    """Ultralytics' random scaling, shifting and rotation that keeps an object's own box.

    In images with polygons, Ultralytics replaces every box by the box of the polygon. That is tighter where the box was
    the mask's, and wrong where it was not.
    """

    def __init__(self, own_box: NDArray[np.bool_], **settings: Any) -> None:
        """Sets which objects have own boxes.

        Args:
            own_box: bool [R], by row of the `LabelTable`.
            settings: Ultralytics' settings, by name.
        """
        super().__init__(**settings)
        self._own_box = own_box

    def apply_instances(self, labels: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """See Ultralytics; an own box is moved by its corners and clipped to the image.

        An object stays if enough of its polygon and, where it has an own box, of that is left, by Ultralytics' rules.
        """
        rows, before = labels["cls"], labels["instances"]
        before.convert_bbox("xyxy")
        before.denormalize(*params["orig_shape"][::-1])
        moved = clip_xyxy(self.apply_bboxes(before.bboxes, params["M"]), params["size"][::-1])
        labels["cls"] = np.arange(len(rows))  # comes back without the objects that Ultralytics drops
        labels = super().apply_instances(labels, params)  # and leaves `before` with its boxes scaled
        kept = labels["cls"]
        own = self._own_box[rows[kept, 0].astype(np.int64)]
        left = ~own | self.box_candidates(before.bboxes[kept].T, moved[kept].T)
        labels["instances"].bboxes[own] = moved[kept][own]
        labels["instances"], labels["cls"] = labels["instances"][left], rows[kept[left]]
        return labels
