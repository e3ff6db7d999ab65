"""Words that describe object and scene are looked up before the first node runs."""

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.validation import ParameterValidationError
from pydantic import BaseModel

from gsam_edge.augmentation import Description
from gsam_edge.hooks.inputs import check_descriptions


class Config(BaseModel):
    augmentation: Description | None


def work(config: object, rules: object) -> None:
    """A node that would take hours."""


PIPELINE = Pipeline([node(work, ["params:work", "params:augmentation_rules"], None, name="work")])


def catalog(rules, **words) -> DataCatalog:
    description = Description(**{"characteristics": (), "environment": {}, "intensity": "low", **words})
    values = {"params:work": Config(augmentation=description), "params:augmentation_rules": rules}
    return DataCatalog({name: MemoryDataset(value) for name, value in values.items()})


def test_an_unknown_word_is_named_with_its_place_and_the_nearest(augmentation_rules):
    with pytest.raises(ParameterValidationError, match=r"work\.augmentation: .*'reflective_surface'"):
        check_descriptions(PIPELINE, catalog(augmentation_rules, characteristics=("reflectiv_surface",)))
    with pytest.raises(ParameterValidationError, match=r"work\.augmentation: .*environment.*'lighting'"):
        check_descriptions(PIPELINE, catalog(augmentation_rules, environment={"lightning": "poor"}))


def test_a_parameter_that_albumentations_does_not_know_is_named(augmentation_rules):
    blur = augmentation_rules.transforms["MotionBlur"].model_copy(update={"settings": {"allow_shiftd": False}})
    rules = augmentation_rules.model_copy(update={"transforms": {**augmentation_rules.transforms, "MotionBlur": blur}})
    with pytest.raises(ParameterValidationError, match=r"work\.augmentation: .*MotionBlur.*'allow_shifted'"):
        check_descriptions(PIPELINE, catalog(rules, environment={"camera": "shaky"}))


def test_known_words_and_none_pass(augmentation_rules):
    known = {"characteristics": ("partially_hidden",), "environment": {"camera": "shaky"}}
    check_descriptions(PIPELINE, catalog(augmentation_rules, **known))
    values = {"params:work": Config(augmentation=None), "params:augmentation_rules": augmentation_rules}
    check_descriptions(PIPELINE, DataCatalog({name: MemoryDataset(value) for name, value in values.items()}))
