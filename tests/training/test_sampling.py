import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.training.sampling import epoch_rows


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 5))
def test_every_epoch_visits_every_row_once(count, batch_size, seed):
    steps = -(-3 * count // batch_size)
    rows = [row for step in range(steps) for row in epoch_rows(step, batch_size, count, seed=seed)]
    for epoch in range(3):
        assert sorted(rows[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_orders_differ_between_epochs_and_seeds():
    orders = {tuple(epoch_rows(step, 20, 20, seed=seed)) for step in range(4) for seed in range(4)}
    assert len(orders) == 16


def test_no_rows_is_an_error():
    with pytest.raises(ValueError, match="at least one sample, got 0"):
        epoch_rows(0, 4, 0, seed=0)
