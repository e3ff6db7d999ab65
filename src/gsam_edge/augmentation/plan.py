"""From a description and rules to an ordered list of transforms, each with its reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gsam_edge.augmentation.config import (
    AugmentationConfig,
    AugmentationRules,
    Description,
    Number,
    Rule,
    SceneDescription,
    Strength,
    TransformSpec,
    ends,
    reach,
)
from gsam_edge.augmentation.names import check_known


@dataclass(frozen=True)
class Reason:
    """Why a transform is applied: the word of the description, and what it imitates."""

    word: str
    why: str


@dataclass(frozen=True)
class Step:
    """One transform of a plan.

    Attributes:
        transform: its name.
        p: share of the images that it is applied to, 0..1.
        strength: the parameters that the description sets: a value, or the range from which each image draws.
        reasons: every word that asks for it.
        spec: what the rules say of the transform itself.
    """

    transform: str
    p: float
    strength: Mapping[str, Strength]
    reasons: tuple[Reason, ...]
    spec: TransformSpec


def available_characteristics(rules: AugmentationRules) -> dict[str, str]:
    """The characteristics that a description may name, with their meaning."""
    return {name: rule.meaning for name, rule in rules.characteristics.items()}


def available_environments(rules: AugmentationRules) -> dict[str, dict[str, str]]:
    """The factors of the environment and the values that each may take, with their meaning."""
    return {
        factor: {value: rule.meaning for value, rule in values.items()} for factor, values in rules.environment.items()
    }


def description_for(
    augmentation: AugmentationConfig | None, scene: SceneDescription, rules: AugmentationRules
) -> Description | None:
    """What a training is told of the scene: its words but for those that it leaves out, at its intensity.

    A word to leave out that the scene does not say has no effect: what a training leaves out holds for any scene.

    Returns:
        None for None, which leaves images as they are.

    Raises:
        ValueError: if the rules do not know a word to leave out, with the nearest that they do.
    """
    if augmentation is None:
        return None
    left_out = set(augmentation.leave_out)
    for word in augmentation.leave_out:
        check_known(word, {*rules.characteristics, *rules.environment}, "leave_out")
    return Description(
        characteristics=tuple(word for word in scene.characteristics if word not in left_out),
        environment={factor: value for factor, value in scene.environment.items() if factor not in left_out},
        intensity=augmentation.intensity,
    )


def describe(description: Description, rules: AugmentationRules) -> tuple[Step, ...]:
    """What would be applied, in this order, how often, at which strength, and why.

    A transform that several words ask for stands here once: with the largest probability, and for each parameter the
    stronger value, which is the one that gets farther from the value that changes nothing (the wider range where two
    get equally far).

    Returns:
        No steps where the description's words change nothing.

    Raises:
        AugmentationError: if the description uses a word that the rules do not know, with the nearest that they do.
    """
    steps: dict[str, Step] = {}
    for word, rule in _chosen(description, rules):
        for name, use in rule.transforms.items():
            spec = rules.transforms[name]
            step = Step(
                transform=name,
                p=use.p.at(description.intensity),
                strength={key: values.at(description.intensity) for key, values in use.strength.items()},
                reasons=(Reason(word, use.why),),
                spec=spec,
            )
            steps[name] = _merged(steps[name], step) if name in steps else step
    return tuple(steps[name] for name in rules.transforms if name in steps)


def identity(description: Description | None, rules: AugmentationRules) -> list[Any]:
    """What decides how images are changed, as plain JSON values, and nothing else: not the wording of reasons.

    Two descriptions with equal identities change an image alike; None, which changes nothing, has an empty one.
    """
    if description is None:
        return []
    steps = [
        [step.transform, step.p, dict(step.strength), step.spec.model_dump()] for step in describe(description, rules)
    ]
    return [rules.image.model_dump(), *steps]


def _chosen(description: Description, rules: AugmentationRules) -> Iterator[tuple[str, Rule]]:
    for name in dict.fromkeys(description.characteristics):
        check_known(name, rules.characteristics, "characteristics")
        yield name, rules.characteristics[name]
    for factor, value in description.environment.items():
        check_known(factor, rules.environment, "environment")
        check_known(value, rules.environment[factor], f"environment.{factor}")
        yield f"{factor}: {value}", rules.environment[factor][value]


def _merged(first: Step, second: Step) -> Step:
    strength = dict(first.strength)
    neutral = first.spec.neutral
    for name, value in second.strength.items():
        if name not in strength or _rank(value, neutral[name]) > _rank(strength[name], neutral[name]):
            strength[name] = value
    return replace(first, p=max(first.p, second.p), strength=strength, reasons=first.reasons + second.reasons)


def _rank(value: Strength, neutral: Number) -> tuple[float, float]:
    """Orders the values of a parameter by strength: how far they reach, then how wide they are."""
    low, high = ends(value)
    return reach(value, neutral), high - low
