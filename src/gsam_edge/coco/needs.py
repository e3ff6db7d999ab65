"""Which teachers the data calls for, and the empty value of what it does not call for."""

from typing import Any

from typing_extensions import TypeIs

from gsam_edge.coco.annotations import Annotations

NOT_NEEDED = "not needed"


def needs_grounding_dino(annotations: Annotations) -> bool:
    """Grounding DINO is tuned where objects have boxes of their own; those computed from masks do not count."""
    return annotations.has_boxes


def needs_sam(annotations: Annotations) -> bool:
    """SAM is tuned where objects have masks."""
    return annotations.has_masks


def teacher_needs(annotations: Annotations) -> dict[str, dict[str, Any]]:
    """Each teacher by name with whether it is `needed`, and `why` in a clause: the one place for these reasons."""
    columns = annotations.columns
    is_object = ~columns.is_crowd
    objects = int(is_object.sum())
    boxes, masks = int((columns.has_own_box & is_object).sum()), int((columns.has_mask & is_object).sum())
    return {
        "grounding_dino": {
            "needed": needs_grounding_dino(annotations),
            "why": f"{boxes} of {objects} objects have a box of their own"
            if boxes
            else "the annotations hold no boxes",
        },
        "sam": {
            "needed": needs_sam(annotations),
            "why": f"{masks} of {objects} objects have a mask" if masks else "the annotations hold no masks",
        },
    }


def not_needed(why: str) -> dict[str, str]:
    """The value that stands in the graph for a teacher, an adapter or a report that the data does not call for."""
    return {"status": NOT_NEEDED, "why": why}


def is_not_needed(value: Any) -> TypeIs[dict[str, str]]:
    """Whether a value is the empty one of `not_needed`."""
    return isinstance(value, dict) and value.get("status") == NOT_NEEDED
