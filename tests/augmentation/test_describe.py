"""Words become transforms: overlap, order, unknown names, and rules that a user adds."""

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise

import pytest
from pydantic import ValidationError

from gsam_edge.augmentation import (
    AugmentationConfig,
    AugmentationRules,
    Description,
    SceneDescription,
    available_characteristics,
    available_environments,
    build,
    describe,
    description_for,
    identity,
)
from gsam_edge.augmentation.config import reach

ASKED_FOR = {
    "changes_shape", "changes_size", "reflective_surface", "low_contrast", "moves_or_vibrates", "semi_transparent",
    "similar_to_background", "multiple_objects", "partially_hidden",
}  # fmt: skip
FACTORS = {
    "lighting": {"stable", "variable", "poor"},
    "camera": {"fixed", "moving", "shaky"},
    "background": {"clean", "busy", "changing"},
    "distance": {"fixed", "variable", "close"},
}


def described(*characteristics: str, intensity: str = "medium", **environment: str) -> Description:
    return Description(characteristics=characteristics, environment=environment, intensity=intensity)


def test_every_word_is_there_and_means_something(rules: AugmentationRules) -> None:
    assert set(available_characteristics(rules)) >= ASKED_FOR
    assert {factor: set(values) for factor, values in available_environments(rules).items()} == FACTORS
    assert all(available_characteristics(rules).values())


def test_intensity_raises_probability_and_strength(rules: AugmentationRules) -> None:
    for name in rules.characteristics:
        levels = [describe(described(name, intensity=intensity), rules) for intensity in ("low", "medium", "high")]
        for weaker, stronger in pairwise(levels):
            for before, after in zip(weaker, stronger, strict=True):
                assert before.transform == after.transform
                assert before.p <= after.p
                neutral = before.spec.neutral
                grown = [reach(after.strength[key], neutral[key]) - reach(before.strength[key], neutral[key])
                         for key in before.strength]  # fmt: skip
                assert not grown or max(grown) > 0


def test_what_changes_nothing_has_no_steps(rules: AugmentationRules) -> None:
    quiet = described(lighting="stable", camera="fixed", background="clean", distance="fixed")
    assert describe(quiet, rules) == ()


def test_a_transform_asked_for_twice_stands_once_with_the_stronger_of_both(rules: AugmentationRules) -> None:
    alone = {name: describe(described(name), rules) for name in ("reflective_surface", "changes_shape")}
    poor = describe(described(lighting="poor"), rules)
    both = {step.transform: step for step in describe(described("reflective_surface", lighting="poor"), rules)}
    assert list(both) == [name for name in rules.transforms if name in both], "order of application"
    jitters = [next(s for s in steps if s.transform == "ColorJitter") for steps in (alone["reflective_surface"], poor)]
    merged = both["ColorJitter"]
    assert merged.p == max(step.p for step in jitters)
    assert merged.strength["brightness"] == jitters[1].strength["brightness"], "0.6 is farther from 1 than 1.2"
    assert merged.strength["hue"] == jitters[0].strength["hue"], "only one of them sets it"
    assert {reason.word for reason in merged.reasons} == {"reflective_surface", "lighting: poor"}


def test_the_order_of_the_words_does_not_matter(rules: AugmentationRules) -> None:
    words = ("reflective_surface", "low_contrast", "semi_transparent", "similar_to_background")
    one, other = (describe(described(*order, lighting="poor"), rules) for order in (words, words[::-1]))
    assert [(s.transform, s.p, dict(s.strength)) for s in one] == [(s.transform, s.p, dict(s.strength)) for s in other]


def test_equal_reach_goes_to_the_wider_range(plain_rules: dict) -> None:
    plain_rules["characteristics"]["one"] = _gamma([95, 120])
    plain_rules["characteristics"]["two"] = _gamma([80, 120])
    rules = AugmentationRules.model_validate(plain_rules)
    for words in (("one", "two"), ("two", "one")):
        assert describe(described(*words), rules)[0].strength["gamma_limit"] == (80, 120)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (described("reflectiv_surface"), "did you mean 'reflective_surface'"),
        (described(lightning="poor"), "did you mean 'lighting'"),
        (described(lighting="variabel"), "did you mean 'variable'"),
        (described("qqq"), "known are: .*changes_shape"),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest(
    description: Description, message: str, rules: AugmentationRules
) -> None:
    for use in (describe, build):
        with pytest.raises(ValueError, match=message):
            use(description, rules)


def test_an_unknown_intensity_is_refused() -> None:
    with pytest.raises(ValidationError, match="low"):
        described(intensity="extreme")


def _gamma(medium: list[int]) -> dict:
    strength = {"gamma_limit": {"low": [98, 102], "medium": medium, "high": [60, 150]}}
    use = {"why": "a reason", "p": {"low": 0.2, "medium": 0.4, "high": 0.6}, "strength": strength}
    return {"meaning": "something", "transforms": {"RandomGamma": use}}


def _broken(change: Callable[[dict], object], plain: dict) -> dict:
    plain = deepcopy(plain)
    change(plain)
    return plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["transforms"].update(RandomGama={"neutral": {}}), "did you mean 'RandomGamma'"),
        (lambda r: r["transforms"].update(Lambda={"neutral": {}}), "nothing is called 'Lambda'"),
        (lambda r: r["characteristics"].update(x=_gamma([80, 60])), "expected a range"),
        (lambda r: r["characteristics"].update(x=_gamma([100, 101])), "move away from 100 from low to high"),
        (lambda r: r["characteristics"]["changes_shape"]["transforms"].update(Elastic=_gamma([80, 120])), "why"),
        (lambda r: r["characteristics"]["changes_shape"]["transforms"].update(
            GridDistortion=_gamma([80, 120])["transforms"]["RandomGamma"]), "nothing is called 'GridDistortion'"),
        (lambda r: r["transforms"]["MotionBlur"].update(size_power={"blurlimit": 1}), "did you mean 'blur_limit'"),
        (lambda r: r["transforms"]["MotionBlur"].update(kernels=["sigma"]), "kernels"),
        (lambda r: r["transforms"]["MotionBlur"]["settings"].update(blur_limit=3), "neutral or a setting, not both"),
        (lambda r: r["image"].update(min_visible=float("nan")), "min_visible"),
        (lambda r: r["characteristics"]["changes_shape"]["transforms"]["ElasticTransform"]["p"].update(high=1.05),
         "less than or equal to 1"),
    ],
)  # fmt: skip
def test_broken_rules_are_refused_before_anything_runs(
    change: Callable[[dict], object], message: str, plain_rules: dict
) -> None:
    with pytest.raises(ValidationError, match=message):
        AugmentationRules.model_validate(_broken(change, plain_rules))


@pytest.mark.parametrize(
    ("transform", "spec", "strength", "message"),
    [
        ("RandomGamma", {"neutral": {}, "settings": {"gama_limit": 3}}, {}, "did you mean 'gamma_limit'"),
        ("RandomGamma", {"neutral": {"gamma": 100}}, {"gamma": [80, 120]}, "did you mean 'gamma_limit'"),
        ("RandomGamma", {"neutral": {}, "settings": {"gamma_limit": "much"}}, {}, "RandomGamma: expected parameters"),
        ("MotionBlur", {"neutral": {"blur_limit": 3}}, {"blur_limit": [4, 8]}, "must be odd"),
    ],
    ids=["setting", "strength", "value", "even kernel"],
)
def test_parameters_that_albumentations_would_ignore_or_change_are_refused(
    transform: str, spec: dict, strength: dict, message: str, plain_rules: dict
) -> None:
    levels = {name: dict.fromkeys(("low", "medium", "high"), value) for name, value in strength.items()}
    use = {"why": "a reason", "p": {"low": 0.2, "medium": 0.4, "high": 0.6}, "strength": levels}
    plain_rules |= {"transforms": {transform: spec}, "environment": {}}
    plain_rules["characteristics"] = {"odd": {"meaning": "something", "transforms": {transform: use}}}
    rules = AugmentationRules.model_validate(plain_rules)
    with pytest.raises(ValueError, match=message):
        build(described("odd"), rules)


def test_what_no_word_sets_changes_nothing(rules: AugmentationRules) -> None:
    """albumentations' own default for the hue of ColorJitter would turn blue wagons purple."""
    augmentation = build(described(lighting="poor"), rules)
    jitter = next(t for t in augmentation._compose((640, 640)).transforms if type(t).__name__ == "ColorJitter")
    assert tuple(jitter.hue) == (0, 0)
    assert tuple(jitter.contrast) == (1, 1)


SCENE = SceneDescription(
    characteristics=("changes_shape", "reflective_surface"), environment={"lighting": "poor", "camera": "shaky"}
)


def test_a_training_is_told_the_scene_without_what_it_leaves_out(rules: AugmentationRules) -> None:
    told = description_for(AugmentationConfig(intensity="low", leave_out=("changes_shape", "camera")), SCENE, rules)
    assert told == described("reflective_surface", intensity="low", lighting="poor")
    assert description_for(None, SCENE, rules) is None


def test_what_is_left_out_need_not_be_said_of_the_scene(rules: AugmentationRules) -> None:
    """conf/base leaves out words of the sample; a user who sets the scene alone must not stumble over them."""
    leave_out = ("any_orientation", "background")
    told = description_for(AugmentationConfig(intensity="high", leave_out=leave_out), SCENE, rules)
    assert told == Description(**SCENE.model_dump(), intensity="high")


@pytest.mark.parametrize("word", ["changes_shap", "backgrund", "poor"])
def test_a_word_to_leave_out_that_no_rule_knows_is_refused(word: str, rules: AugmentationRules) -> None:
    with pytest.raises(ValueError, match=f"leave_out: nothing is called '{word}'"):
        description_for(AugmentationConfig(intensity="high", leave_out=(word,)), SCENE, rules)


def test_scene_and_words_left_out_decide_the_identity(rules: AugmentationRules) -> None:
    def name(*leave_out: str, scene: SceneDescription = SCENE) -> str:
        told = description_for(AugmentationConfig(intensity="low", leave_out=leave_out), scene, rules)
        return str(identity(told, rules))

    other = SCENE.model_copy(update={"environment": {"lighting": "variable", "camera": "shaky"}})
    assert len({name(), name("camera"), name("changes_shape"), name(scene=other)}) == 4
    assert name() == name("background"), "left out, but not said of the scene"
