"""Builds an ordered list of transforms, each with its reasons, from a description and rules."""

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
        strength: the parameters that the description sets: a value, or a range from which one is drawn for each image.
        reasons: every word that asks for it.
        spec: the transform's entry in the rules.
    """

    transform: str
    p: float
    strength: Mapping[str, Strength]
    reasons: tuple[Reason, ...]
    spec: TransformSpec


def available_characteristics(rules: AugmentationRules) -> dict[str, str]:
    """Returns the characteristics that a description may name, with their meaning."""
    return {name: rule.meaning for name, rule in rules.characteristics.items()}


def available_environments(rules: AugmentationRules) -> dict[str, dict[str, str]]:
    """Returns the factors of the environment and the values that each may take, with their meaning."""
    return {
        factor: {value: rule.meaning for value, rule in values.items()} for factor, values in rules.environment.items()
    }


def description_for(
    augmentation: AugmentationConfig | None, scene: SceneDescription, rules: AugmentationRules
) -> Description | None:
    """Returns the description for one training: the scene's words without those it leaves out, at its intensity.

    Leaving out a word that the scene does not use has no effect, so that one configuration fits any scene.

    Returns:
        None for None, which leaves images as they are.

    Raises:
        ValueError: if the rules do not define a word to leave out; the message names the nearest that they do.
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
    """Returns the transforms in their order of application, each with probability, strength and reasons.

    A transform that several words ask for appears once, with the largest probability and, for each parameter, the
    stronger value: the one farther from the neutral value (the wider range where both are equally far).

    Returns:
        The steps; none where the description's words change nothing.

    Raises:
        AugmentationError: if the description uses a word that the rules do not define; the message names the nearest
            that they do.
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
    """Returns all settings that decide how images are changed, as JSON values; the wording of reasons is left out.

    Two descriptions with equal identities change an image in the same way; None, which changes nothing, has an empty
    one.
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
    """Returns a sort key for a parameter's values by strength: first the distance from neutral, then the width."""
    low, high = ends(value)
    return reach(value, neutral), high - low
