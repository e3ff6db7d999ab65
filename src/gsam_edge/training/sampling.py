"""Choice of the samples of a training step."""

import numpy as np


def epoch_rows(step: int, batch_size: int, count: int, *, seed: int) -> list[int]:
    """Returns the rows of one step's batch; every epoch visits all rows once, in its own random order.

    The result depends on the step, not on earlier calls, so that an interrupted run continues with the next batch. A
    batch that reaches past the end of an epoch continues in the next one.

    Args:
        step: 0 for the first batch.
        batch_size: rows of a batch.
        count: rows of the dataset.
        seed: seed of the orders.

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
