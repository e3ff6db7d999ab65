"""Which samples a step sees."""

import numpy as np


def epoch_rows(step: int, batch_size: int, count: int, *, seed: int) -> list[int]:
    """The rows of one step's batch when every epoch visits all rows once, in an order of its own.

    A function of the step alone, so that an interrupted run continues with the batch that was next; a batch that
    reaches past the end of an epoch goes on in the next one.

    Args:
        step: 0 for the first batch.
        batch_size: rows of a batch.
        count: rows of the dataset.
        seed: of the orders.

    Returns:
        `batch_size` rows in 0..count-1.

    Raises:
        ValueError: if there are no rows.
    """
    if count < 1:
        raise ValueError(f"training data: expected at least one sample, got {count}")
    rows: list[int] = []
    position = step * batch_size
    while len(rows) < batch_size:
        epoch, start = divmod(position + len(rows), count)
        order = np.random.default_rng([seed, epoch]).permutation(count)
        rows += order[start : start + batch_size - len(rows)].tolist()
    return rows
