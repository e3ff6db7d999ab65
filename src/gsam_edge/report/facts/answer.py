"""What an artefact finds in images that it never saw: the first sentence of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gsam_edge.report.facts.estimate import Estimate, share


@dataclass(frozen=True)
class Answer:
    """The answer to "is it good enough?".

    Attributes:
        artefact: its name in the catalog.
        images: unseen images that it was checked on.
        objects: objects in them.
        found: share of the objects that it finds (0..1), with its interval; None where it was measured at no score.
        false_alarms: answers without an object, per 100 images, with its interval if that is known; None likewise.
        scores: lowest and highest of the scores, one for each class, from which an answer counts; None where not known.
        map50: accuracy over all scores (0..1): of masks where it has them, else of boxes.
        of_masks: whether `map50` is that of masks.
        latency_ms: median time of one image; None where it was not timed.
        size_mb: megabytes of its file.
        memory_mb: peak memory of the process.
        runtime: what it was timed in, and on how many threads.
        few: whether there are too few objects to rely on.
    """

    artefact: str
    images: int
    objects: int
    found: Estimate | None
    false_alarms: Estimate | None
    scores: tuple[float, float] | None
    map50: Estimate | None
    of_masks: bool
    latency_ms: float | None
    size_mb: float | None
    memory_mb: float | None
    runtime: str
    few: bool

    @classmethod
    def of(
        cls,
        row: Mapping[str, Any],
        evaluated: Mapping[str, Any],
        evaluation: Mapping[str, Any],
        thresholds: Mapping[str, Any] | None,
        *,
        few_objects: int,
    ) -> Self | None:
        """Collects the answer; None where neither report counts images and objects.

        Args:
            row: the artefact's row of `comparison`; may be empty.
            evaluated: its part of `evaluation_report`; may be empty.
            evaluation: `evaluation_report`; may be empty.
            thresholds: `student_thresholds`.
            few_objects: fewer are too few to rely on.
        """
        images, objects = (row.get(key, evaluation.get(key)) for key in ("images", "objects"))
        if images is None or objects is None:
            return None
        at = row.get("at_threshold") or evaluated.get("at_threshold") or {}
        figures = evaluated.get("figures", {})
        kind = "mask" if "mask_map50" in row or "mask_map50" in figures else "box"
        name = f"{kind}_map50"
        map50 = Estimate.of(figures.get(name)) or _with_interval(row, name)
        runtime = row.get("runtime", "")
        if runtime and "threads" in row:
            runtime += f", {row['threads']} thread{'s' if row['threads'] != 1 else ''}"
        return cls(
            artefact=row.get("artefact", ""),
            images=images,
            objects=objects,
            found=_found(at),
            false_alarms=_false_alarms(at, images),
            scores=_scores(at, thresholds),
            map50=map50,
            of_masks=kind == "mask",
            latency_ms=row.get("latency_ms_median"),
            size_mb=row.get("size_mb"),
            memory_mb=row.get("peak_memory_mb"),
            runtime=runtime,
            few=objects < few_objects,
        )

    @property
    def sentence(self) -> str:
        """The answer in one sentence without its conditions."""
        if self.found is not None:
            found = f"Finds {100 * self.found.value:.0f} of 100 objects"
            if self.false_alarms is None:
                return f"{found}."
            return f"{found}, with {_count(self.false_alarms.value, 'false alarm')} per 100 images."
        if self.map50 is not None:
            return f"Reaches an accuracy of {self.map50.value:.2f} of 1 (mAP50) on unseen images."
        return "Was not measured for accuracy."

    @property
    def at_score(self) -> str | None:
        """From which score on an answer counts, in words; None where not known."""
        if self.scores is None:
            return None
        low, high = (f"{score:.2f}" for score in self.scores)
        return f"score {low}" if low == high else f"scores {low} to {high}, by class"


def _with_interval(row: Mapping[str, Any], name: str) -> Estimate | None:
    """Returns a figure of a row of `comparison` with its interval, which stands apart there."""
    if name not in row:
        return None
    return Estimate.of({"value": row[name], "ci95": row.get("intervals", {}).get(name)})


def _found(at: Mapping[str, Any]) -> Estimate | None:
    if not at.get("objects"):
        return None
    given = at.get("ci95", {}).get("recall")
    return Estimate(at["found"] / at["objects"], tuple(given)) if given else share(at["found"], at["objects"])


def _false_alarms(at: Mapping[str, Any], images: int) -> Estimate | None:
    given = at.get("per_100_images", {}).get("false_alarms")
    if given is None and "false_alarms" in at and images:
        given = 100 * at["false_alarms"] / images
    return Estimate.of({"value": given, "ci95": at.get("ci95", {}).get("false_alarms_per_100_images")})


def _scores(at: Mapping[str, Any], thresholds: Mapping[str, Any] | None) -> tuple[float, float] | None:
    threshold = at.get("threshold")
    if isinstance(threshold, int | float):
        return float(threshold), float(threshold)
    if threshold is None or thresholds is None:
        return None
    scores = [float(each["threshold"]) for each in thresholds["classes"].values()]
    return (min(scores), max(scores)) if scores else None


def _count(number: float, what: str) -> str:
    """Returns a number with its noun; below 10 it may have a decimal."""
    text = f"{number:.0f}" if number >= 10 or round(number, 1) == round(number) else f"{number:.1f}"
    return f"{text} {what}" if text == "1" else f"{'no' if text == '0' else text} {what}s"
