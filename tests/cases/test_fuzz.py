"""Mutated model files end in a result or in one of our messages, within a clock."""

import pytest

from support.fuzz import KINDS, faults


@pytest.mark.parametrize("kind", KINDS)
def test_some_mutations_of_each_kind_of_model_file(kind):
    assert list(faults(kind, 40)) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_mutations_of_each_kind_of_model_file(kind):
    assert list(faults(kind, 2000)) == []
