from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.teachers.grounding_dino.batch import GroundingDinoBatch
from gsam_edge.teachers.grounding_dino.loss import _set_loss, _two_stage_loss, assign_tokens, token_grid, token_weights
from support.tiny import GROUNDING_DINO_LOSS

CONFIG = GROUNDING_DINO_LOSS
CPU = torch.device("cpu")


def test_the_grid_has_a_centre_per_token_of_every_level():
    centres, strides = token_grid((64, 40), 8 * 5 + 4 * 3 + 2 * 2, CPU)
    assert centres[:2].tolist() == [[4, 4], [12, 4]]
    assert centres[40].tolist() == [8, 8]
    assert strides.unique(return_counts=True)[1].tolist() == [40, 12, 4]


def test_a_count_that_no_levels_have_is_an_error():
    with pytest.raises(ValueError, match=r"over \(64, 64\), got 79 tokens"):
        token_grid((64, 64), 79, CPU)


def test_small_and_large_objects_teach_tokens_near_their_centre_on_their_level():
    centres, strides = token_grid((64, 64), 64 + 16 + 4, CPU)
    boxes = torch.tensor([[20.0, 20.0, 10.0, 30.0], [32.0, 32.0, 60.0, 60.0]])
    token, target = assign_tokens(boxes, centres, strides, CONFIG)
    assert set(target.tolist()) == {0, 1}
    for row, stride in ((0, 8), (1, 16)):
        mine = token[target == row]
        assert (strides[mine] == stride).all()
        assert ((centres[mine] - boxes[row, :2]).abs() <= stride).all()


def test_the_smaller_object_wins_a_token_and_no_object_teaches_none():
    centres, strides = token_grid((64, 64), 64 + 16 + 4, CPU)
    boxes = torch.tensor([[20.0, 20.0, 40.0, 40.0], [20.0, 20.0, 8.0, 8.0]])
    token, target = assign_tokens(boxes, centres, strides, CONFIG)
    assert len(token) == len(token.unique())
    assert target.tolist() == [1] * len(token)
    assert assign_tokens(boxes[:0], centres, strides, CONFIG)[0].shape == (0,)


def named_batch(lengths, labels, boxes):
    """A prompt of classes whose names have so many tokens, as [CLS] a a . b . [SEP], and an image's objects."""
    rows, length = [], sum(lengths) + len(lengths) + 2
    start = 1
    for count in lengths:
        row = torch.zeros(length)
        row[start : start + count] = 1
        rows.append(row)
        start += count + 1
    inputs = {"attention_mask": torch.ones(1, length, dtype=torch.int64)}
    return GroundingDinoBatch(inputs, [torch.tensor(boxes)], [torch.tensor(labels)], [torch.stack(rows)])


def spread(batch, per_class, elsewhere):
    """Logits [1, Q, T]: of each query the given logit on all tokens of a class [Q, C], another one elsewhere."""
    tokens = batch.class_tokens[0]
    return (per_class @ tokens + elsewhere * (tokens.sum(0) == 0))[None]


@given(
    lengths=st.lists(st.integers(1, 9), min_size=3, max_size=3),
    logits=st.lists(st.floats(-6, 6), min_size=12, max_size=12),
)
def test_a_class_counts_the_same_whatever_the_number_of_tokens_of_its_name(lengths, logits):
    """As an object's class, and as one that is not there; four queries, two objects, one class that is absent."""
    objects = [0, 1], [[0.2, 0.2, 0.1, 0.1], [0.7, 0.7, 0.3, 0.2]]
    boxes = torch.tensor([[0.2, 0.2, 0.1, 0.1], [0.5, 0.5, 0.4, 0.4], [0.7, 0.7, 0.3, 0.2], [0.9, 0.1, 0.1, 0.1]])[None]
    usable = torch.ones(1, 4, dtype=torch.bool)
    long, short = (
        _set_loss(spread(batch, torch.tensor(logits).reshape(4, 3), -3.0), boxes, usable, batch, CONFIG)
        for batch in (named_batch(lengths, *objects), named_batch([1, 1, 1], *objects))
    )
    torch.testing.assert_close(long["class_loss"], short["class_loss"])


def test_the_tokens_of_a_class_share_one_weight_and_separators_have_their_own():
    weights = token_weights(named_batch([2, 1, 4], [], []).class_tokens)
    assert weights.tolist() == [[1, 0.5, 0.5, 1, 1, 1, 0.25, 0.25, 0.25, 0.25, 1, 1]]


def proposals(batch, boxes, per_class):
    """The encoder's output for proposals with boxes [S, 4], infinite where there is none, and a logit per class."""
    coordinates = torch.special.logit(torch.tensor(boxes))[None]
    return SimpleNamespace(
        enc_outputs_class=spread(batch, torch.tensor(per_class), -9.0), enc_outputs_coord_logits=coordinates
    )


def test_of_the_encoders_proposals_those_learn_that_become_queries():
    """The third would fit the object exactly, but two score higher."""
    batch = named_batch([1, 1], [1], [[0.5, 0.5, 0.2, 0.2]])
    boxes = [[0.5, 0.5, 0.2, 0.4], [0.1, 0.1, 0.1, 0.1], [0.5, 0.5, 0.2, 0.2]]
    outputs = proposals(batch, boxes, [[-1.0, 2.0], [1.0, -2.0], [-3.0, 0.9]])
    assert _two_stage_loss(outputs, 2, batch, CONFIG)["l1_loss"].item() == pytest.approx(0.2, abs=1e-5)
    assert _two_stage_loss(outputs, 3, batch, CONFIG)["l1_loss"].item() == pytest.approx(0, abs=1e-5)


def test_padding_that_becomes_a_query_is_taught_that_it_is_nothing():
    """As a box, infinity is the lower right quarter's: it would fit a large object better than a small proposal."""
    batch = named_batch([1], [0], [[0.5, 0.5, 1.0, 1.0]])
    padding = [1.0, 1.0, 1.0, 1.0]
    outputs = proposals(batch, [padding, [0.5, 0.5, 0.05, 0.05]], [[5.0], [1.0]])
    losses = _two_stage_loss(outputs, 2, batch, CONFIG)
    assert losses["l1_loss"].item() == pytest.approx(1.9, abs=1e-4)
    only_padding = _two_stage_loss(outputs, 1, batch, CONFIG)
    assert only_padding["l1_loss"] == only_padding["giou_loss"] == 0
    assert only_padding["class_loss"] > 1
