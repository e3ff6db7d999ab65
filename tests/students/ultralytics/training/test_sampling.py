"""What each step of a training is shown."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.students.ultralytics.training.sampling import PoolSampler


def drawn(config, truth, pseudo, *, seed=0, **changes):
    """The batches of a whole training, as lists of indices."""
    config = config.model_copy(update=changes)
    sampler = PoolSampler(truth, pseudo, config, seed=seed)
    batches = []
    for epoch in range(-(-config.steps // config.validate_every)):
        sampler.epoch = epoch
        indices = list(sampler)
        assert len(indices) == len(sampler)
        size = config.batch_size
        batches += [indices[first : first + size] for first in range(0, len(indices), size)]
    return batches


def test_batches_are_half_truth_and_half_pseudo_and_the_last_ones_truth_alone(training_config):
    truth, pseudo = range(3), range(3, 23)
    batches = drawn(
        training_config, truth, pseudo, steps=10, validate_every=4, batch_size=4, truth_only=0.3, close_mosaic_steps=0
    )
    assert [[index in pseudo for index in batch] for batch in batches] == [[False] * 2 + [True] * 2] * 7 + [
        [False] * 4
    ] * 3


def test_without_pseudo_labels_the_truth_has_every_batch(training_config):
    batches = drawn(training_config, range(5), [], steps=10, close_mosaic_steps=0)
    assert [len(batch) for batch in batches] == [4] * 10
    assert Counter(index for batch in batches for index in batch) == dict.fromkeys(range(5), 8)


@given(
    truth=st.integers(1, 9),
    pseudo=st.integers(0, 30),
    batch_size=st.integers(2, 7),
    steps=st.integers(1, 40),
    every=st.integers(1, 12),
)
def test_every_batch_is_full_and_no_image_of_a_pool_comes_twice_more_often(truth, pseudo, batch_size, steps, every):
    """However small the pools are: one image with the truth, fewer than half a batch."""
    from gsam_edge.students.ultralytics.config import StudentTrainingConfig

    config = StudentTrainingConfig.model_construct(
        steps=steps,
        batch_size=batch_size,
        pseudo_share=0.5,
        truth_only=0.33,
        close_mosaic_steps=0,
        validate_every=every,
    )
    pools = range(truth), range(truth, truth + pseudo)
    batches = drawn(config, *pools)
    assert [len(batch) for batch in batches] == [batch_size] * steps
    counts = Counter(index for batch in batches for index in batch)
    for pool in pools:
        often = [counts[index] for index in pool]
        assert not often or max(often) - min(often) <= 1
    assert set(counts) <= {*pools[0], *pools[1]}


def test_the_draws_of_an_epoch_follow_from_its_number(training_config):
    config = training_config.model_copy(update={"steps": 12, "validate_every": 5})
    whole, later = (PoolSampler(range(3), range(3, 20), config, seed=1) for _ in range(2))
    epochs = []
    for epoch in range(3):
        whole.epoch = epoch
        epochs.append(list(whole))
    later.epoch = 2
    assert list(later) == epochs[2]
    assert drawn(config, range(3), range(3, 20), seed=1) != drawn(config, range(3), range(3, 20), seed=2)
    assert [index for batch in drawn(config, range(3), range(3, 20), seed=1) for index in batch] == [
        i for epoch in epochs for i in epoch
    ]


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_each_pool_has_an_image_in_every_mixed_batch(training_config, share):
    (batch,) = drawn(training_config, [0], [1], steps=1, pseudo_share=share, truth_only=0.0, close_mosaic_steps=0)
    assert set(batch) == {0, 1}


def test_the_last_steps_are_unmixed(training_config):
    """Whatever the epochs are: an index past the number of images is the same image without mosaic."""
    batches = drawn(training_config, range(3), [3], steps=6, validate_every=4, close_mosaic_steps=3)
    assert [{index >= 4 for index in batch} for batch in batches] == [{False}] * 3 + [{True}] * 3


def test_it_says_how_often_each_pool_is_passed(training_config):
    config = training_config.model_copy(update={"steps": 10, "batch_size": 4, "truth_only": 0.5})
    assert PoolSampler(range(5), range(5, 25), config, seed=0).passes() == (30 / 5, 10 / 20)
    assert PoolSampler(range(5), [], config, seed=0).passes() == (8, 0)


def test_a_share_of_each_pool_is_shown_plain(training_config):
    """Of both pools, in mixed and in unmixed steps: an index past twice the number of images."""
    truth, pseudo = range(3), range(3, 8)
    config = training_config.model_copy(update={"steps": 4, "validate_every": 4, "batch_size": 8, "truth_only": 0.25})
    sampler = PoolSampler(truth, pseudo, config, seed=0, plain_share=0.5)
    batches = [list(sampler)[first : first + 8] for first in range(0, 32, 8)]
    ways = [[index // 8 for index in batch] for batch in batches]
    assert ways == [[2, 2, 0, 0] * 2] * 2 + [[2, 2, 1, 1] * 2] + [[2] * 4 + [1] * 4]
    plainer = PoolSampler(truth, pseudo, config, seed=0, plain_share=0.01)
    assert sum(index >= 16 for index in list(plainer)[:8]) == 2
    without = PoolSampler(truth, pseudo, config, seed=0)
    assert [index % 8 for index in without] == [index % 8 for index in sampler]
