"""What a project adds to the rules that the package ships."""

import pytest
from kedro.config import OmegaConfigLoader
from pydantic import ValidationError

from gsam_edge.augmentation import (
    AugmentationRules,
    Description,
    RuleAdditions,
    available_characteristics,
    build,
    describe,
    rules_with,
    shipped_rules,
)

DUSTY = """
augmentation_rules:
  transforms:
    Defocus: {neutral: {radius: 1}}
  characteristics:
    dusty:
      meaning: covered in dust
      transforms:
        Defocus:
          why: dust on the lens
          p: {low: 0.02, medium: 0.1, high: 0.9}
          strength: {radius: {low: [1, 2], medium: [1, 3], high: [2, 5]}}
"""


def said(*characteristics: str, intensity: str = "medium", **environment: str) -> Description:
    return Description(characteristics=characteristics, environment=environment, intensity=intensity)


def rule(p: float = 0.4, transform: str = "HorizontalFlip") -> dict:
    """A rule that asks for one transform, a mirrored image if not another."""
    probability = dict.fromkeys(("low", "medium", "high"), p)
    return {"meaning": "own", "transforms": {transform: {"why": "a reason", "p": probability}}}


def test_nothing_added_leaves_the_shipped_rules(rules: AugmentationRules) -> None:
    assert rules_with(RuleAdditions()) == rules == shipped_rules()


def test_a_word_is_added_by_an_entry_in_conf_local(tmp_path) -> None:
    for env, text in (("base", "augmentation_rules: {}"), ("local", DUSTY)):
        (tmp_path / env).mkdir()
        (tmp_path / env / "parameters.yml").write_text(text)
    loader = OmegaConfigLoader(
        str(tmp_path), base_env="base", default_run_env="local", merge_strategy={"parameters": "soft"}
    )
    rules = rules_with(RuleAdditions.model_validate(loader["parameters"]["augmentation_rules"]))
    assert available_characteristics(rules)["dusty"] == "covered in dust"
    assert set(available_characteristics(rules)) > set(available_characteristics(shipped_rules()))
    steps = build(said("dusty", "changes_size"), rules).steps
    assert [step.transform for step in steps] == ["BoxSafeZoom", "Affine", "Defocus"]
    assert [describe(said("dusty", intensity=i), rules)[0].p for i in ("low", "medium", "high")] == [0.02, 0.1, 0.9]


def test_a_value_joins_the_others_of_its_factor_and_a_factor_the_others() -> None:
    own = {"lighting": {"strobe": rule()}, "weather": {"rain": rule()}}
    rules = rules_with(RuleAdditions.model_validate({"environment": own}))
    assert list(rules.environment) == ["lighting", "camera", "background", "distance", "weather"]
    assert list(rules.environment["lighting"]) == ["stable", "variable", "poor", "strobe"]
    assert describe(said(lighting="poor"), rules) == describe(said(lighting="poor"), shipped_rules())


def test_an_entry_under_a_shipped_name_takes_its_place() -> None:
    own = {"characteristics": {"any_orientation": rule(0.1)}, "environment": {"camera": {"shaky": rule(0.1)}}}
    rules = rules_with(RuleAdditions.model_validate(own))
    for description in (said("any_orientation"), said(camera="shaky")):
        assert [(step.transform, step.p) for step in describe(description, rules)] == [("HorizontalFlip", 0.1)]
    assert list(rules.characteristics) == list(shipped_rules().characteristics)


def test_a_transform_under_a_shipped_name_keeps_its_place_in_the_order() -> None:
    own = {"GaussianBlur": {"neutral": {"sigma_limit": 0.0}}, "Defocus": {"neutral": {"radius": 1}}}
    rules = rules_with(RuleAdditions.model_validate({"transforms": own}))
    assert list(rules.transforms) == [*shipped_rules().transforms, "Defocus"]
    assert rules.transforms["GaussianBlur"].size_power == {}


def test_what_holds_for_every_picture_can_be_set() -> None:
    own = {"reference_side": 1000, "smallest_side": 50, "min_visible": 0.3}
    assert rules_with(RuleAdditions.model_validate({"image": own})).image.min_visible == 0.3


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"characteristic": {}}, "characteristic\\n"),
        ({"transforms": {"RandomGama": {"neutral": {}}}}, "Value error, transforms: .*did you mean 'RandomGamma'"),
        ({"transforms": {"MotionBlur": {"neutral": {}}}}, "strength: nothing is called 'blur_limit'"),
        ({"characteristics": {"x": rule(1.5)}}, "less than or equal to 1"),
        ({"characteristics": {"x": rule(transform="Defocus")}}, "x.transforms: nothing is called 'Defocus'"),
    ],
    ids=["key", "transform", "parameter of a shipped rule", "probability", "unlisted transform"],
)  # fmt: skip
def test_additions_that_do_not_fit_are_refused_with_one_message(own: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        RuleAdditions.model_validate(own)
    assert str(caught.value).count("validation error") == 1
