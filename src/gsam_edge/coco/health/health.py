"""Runs the health checks on a sound dataset, before training."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.findings import Finding
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.health.cases import Cases, Inspected
from gsam_edge.coco.health.policies import PolicyOutcome, apply_policies
from gsam_edge.coco.health.table import HEALTH_CHECKS, HealthConfig, Stage
from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.near_duplicates import near_duplicate_groups


@dataclass(frozen=True)
class Health:
    """Result of the health checks.

    Attributes:
        outcome: the remaining annotations, and the counts of what was done.
        findings: {code, severity, policy, count, meaning, examples} for each kind of `HEALTH_CHECKS` that was found, as
            plain JSON values, worst cases first. An example has `where`, `detail`, and `image_id` or `image_ids` with
            `annotation_ids` where it is about an image.
    """

    outcome: PolicyOutcome
    findings: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Returns `findings`, and `images` and `annotations` as {in, kept, fixed, dropped}."""
        images, objects = self.outcome.images.to_json(), self.outcome.objects.to_json()
        return {"findings": self.findings, "images": images, "annotations": objects}


def image_duplicates(facts: Mapping[int, ImageFacts], config: HealthConfig) -> dict[str, Any]:
    """Finds duplicate images and counts pixel formats, as plain JSON values.

    Args:
        facts: facts of each image file, by image id.
        config: the distance of near duplicates.

    Returns:
        `compared`, how many images; `modes`, Pillow's names of their pixel formats to how many have them; `exact` and
        `near`, groups of two or more image ids, ascending; each exact group is part of a near one.
    """
    by_bytes: dict[str, list[int]] = defaultdict(list)
    for image_id in sorted(facts):
        by_bytes[facts[image_id].sha256].append(image_id)
    return {
        "compared": len(facts),
        "modes": dict(Counter(fact.mode for fact in facts.values()).most_common()),
        "exact": [group for group in by_bytes.values() if len(group) > 1],
        "near": near_duplicate_groups(facts, config.near_duplicate_distance),
    }


def check_health(annotations: Annotations, duplicates: Mapping[str, Any], config: HealthConfig) -> Health:
    """Runs the health checks on annotations and applies the policies to what they find.

    The checks of the stage "after policies" run on what is left.

    Args:
        annotations: checked and completed annotations.
        duplicates: result of `image_duplicates`; ids of images that are not in the annotations are ignored.
        config: thresholds and policies.

    Raises:
        InvalidDatasetError: if there is a finding with the policy `error`, or no object is left.
    """
    cases = _found(Inspected(annotations, duplicates), "before policies", config)
    findings = _findings(cases, config)
    applied = apply_policies(annotations, cases, config)
    left = _found(Inspected(applied.annotations, duplicates), "after policies", config)
    return Health(applied, [*findings, *_findings(left, config)])


def split_findings(inspected: Inspected, config: HealthConfig) -> list[dict[str, Any]]:
    """Runs the health checks of splits and returns their findings for the report.

    Args:
        inspected: the annotations before the split, and its parts.
        config: policies, and how many cases are written out.

    Raises:
        InvalidDatasetError: if there is a finding with the policy `error`.
    """
    return _findings(_found(inspected, "splits", config), config)


def _found(inspected: Inspected, stage: Stage, config: HealthConfig) -> dict[str, Cases]:
    """Runs the checks of a stage and returns their cases by code."""
    return {code: check.find(inspected, config) for code, check in HEALTH_CHECKS.items() if check.stage == stage}


def _findings(found: Mapping[str, Cases], config: HealthConfig) -> list[dict[str, Any]]:
    """Returns one finding as plain JSON values for each code that has cases.

    Only as many examples are built as are written out.

    Raises:
        InvalidDatasetError: if there is a case and the policy is `error`.
    """
    findings = []
    for code, cases in found.items():
        if not cases.count:
            continue
        check, policy = HEALTH_CHECKS[code], config.policy(code)
        shown = tuple(islice(cases.examples, max(1, config.max_examples)))
        if policy == "error":
            first = f"{shown[0]['where']}: {shown[0]['detail']}"
            raise InvalidDatasetError(
                f"health: expected no {code} ({config.in_words(code)}), got {cases.count}, first {first}"
            )
        written = shown[: config.max_examples]
        findings.append(Finding(code, check.severity, policy, cases.count, config.in_words(code), written).to_json())
    return findings
