"""What is unwise in a sound dataset, before hours are spent training on it."""

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
    """What was unwise in annotations, and what was done about it.

    Attributes:
        outcome: the annotations that are left, and the account of them.
        findings: {code, severity, policy, count, meaning, examples} for each kind of `HEALTH_CHECKS` that was met, as
            plain JSON values, worst cases first. An example has `where`, `detail`, and `image_id` or `image_ids` with
            `annotation_ids` where it is about an image.
    """

    outcome: PolicyOutcome
    findings: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """`findings`, and `images` and `annotations` as {in, kept, fixed, dropped}."""
        images, objects = self.outcome.images.to_json(), self.outcome.objects.to_json()
        return {"findings": self.findings, "images": images, "annotations": objects}


def image_duplicates(facts: Mapping[int, ImageFacts], config: HealthConfig) -> dict[str, Any]:
    """Images that are there more than once, and how they are stored, as plain JSON values.

    Args:
        facts: what was found in each image file, by image id.
        config: how alike near duplicates are.

    Returns:
        `compared`, how many images; `modes`, Pillow's names of their pixel formats to how many have them; `exact` and
        `near`, groups of two or more image ids, ascending; an exact group stands within a near one.
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
    """Looks for what is unwise in checked and completed annotations, and does about it what the policies say.

    The checks of the stage "after policies" look at what is left.

    Args:
        annotations: what is looked at.
        duplicates: what `image_duplicates` gave; ids of images that are not in the annotations are passed over.
        config: thresholds and policies.

    Raises:
        InvalidDatasetError: if something was met whose policy is `error`, or no object is left.
    """
    cases = _found(Inspected(annotations, duplicates), "before policies", config)
    findings = _findings(cases, config)
    applied = apply_policies(annotations, cases, config)
    left = _found(Inspected(applied.annotations, duplicates), "after policies", config)
    return Health(applied, [*findings, *_findings(left, config)])


def split_findings(inspected: Inspected, config: HealthConfig) -> list[dict[str, Any]]:
    """What is unwise in a split, as the findings of the report.

    Args:
        inspected: what was split, and the parts.
        config: policies, and how many cases are written out.

    Raises:
        InvalidDatasetError: if something was met whose policy is `error`.
    """
    return _findings(_found(inspected, "splits", config), config)


def _found(inspected: Inspected, stage: Stage, config: HealthConfig) -> dict[str, Cases]:
    """What the checks of a stage find, by code."""
    return {code: check.find(inspected, config) for code, check in HEALTH_CHECKS.items() if check.stage == stage}


def _findings(found: Mapping[str, Cases], config: HealthConfig) -> list[dict[str, Any]]:
    """One finding as plain JSON values for each code that has cases.

    Only as many examples are asked for as are written out.

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
            raise InvalidDatasetError(f"health: expected no {code} ({check.meaning}), got {cases.count}, first {first}")
        written = shown[: config.max_examples]
        findings.append(Finding(code, check.severity, policy, cases.count, check.meaning, written).to_json())
    return findings
