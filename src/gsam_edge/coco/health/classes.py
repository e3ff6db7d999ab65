"""Finds classes with too few objects."""

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.health.cases import Cases


def classes_below(annotations: Annotations, fewest: int) -> Cases:
    """Finds classes with fewer than `fewest` objects, crowds aside; rarest first."""
    few = [(name, count) for name, count in _rarest_first(annotations) if count < fewest]
    return Cases(len(few), [{"where": name, "detail": f"{count} objects"} for name, count in few])


def imbalanced_classes(annotations: Annotations, largest_imbalance: float) -> Cases:
    """Finds classes more than `largest_imbalance` times rarer than the most frequent one; rarest first."""
    counts = _rarest_first(annotations)
    frequent, most = counts[-1]
    rare = [(name, count) for name, count in counts if 0 < count * largest_imbalance < most]
    return Cases(
        len(rare), [{"where": name, "detail": f"{count} objects beside {most} of {frequent}"} for name, count in rare]
    )


def _rarest_first(annotations: Annotations) -> list[tuple[str, int]]:
    """Returns class names with their number of objects, crowds aside, rarest first."""
    counts = annotations.image_class_counts.sum(axis=0).tolist()
    return sorted(zip(annotations.class_names, counts, strict=True), key=lambda named: named[1])
