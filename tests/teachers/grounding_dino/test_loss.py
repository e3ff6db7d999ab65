import pytest
import torch

from gsam_edge.teachers.grounding_dino.loss import assign_tokens, token_grid
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
