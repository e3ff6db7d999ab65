"""Classes that are too rare to be learnt."""

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.health.cases import Cases


def classes_below(annotations: Annotations, fewest: int) -> Cases:
    """Classes with fewer than `fewest` objects, crowds aside; rarest first."""
    few = [(name, count) for name, count in _rarest_first(annotations) if count < fewest]
    return Cases(len(few), [{"where": name, "detail": f"{count} objects"} for name, count in few])


def imbalanced_classes(annotations: Annotations, largest_imbalance: float) -> Cases:
    """Classes whose objects are more than `largest_imbalance` times as few as the most frequent one's; rarest first."""
    counts = _rarest_first(annotations)
    frequent, most = counts[-1]
    rare = [(name, count) for name, count in counts if 0 < count * largest_imbalance < most]
    return Cases(
        len(rare), [{"where": name, "detail": f"{count} objects beside {most} of {frequent}"} for name, count in rare]
    )


def _rarest_first(annotations: Annotations) -> list[tuple[str, int]]:
    """Names of the classes with how many objects they have, crowds aside."""
    counts = annotations.image_class_counts.sum(axis=0).tolist()
    return sorted(zip(annotations.class_names, counts, strict=True), key=lambda named: named[1])
