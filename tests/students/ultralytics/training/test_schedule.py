"""Learning rate and average of the weights, by the number of a step."""

import numpy as np
import pytest
import torch
from ultralytics.utils.torch_utils import ModelEMA

from gsam_edge.students.ultralytics.training.schedule import average_decay, learning_rate_share


def test_the_rate_rises_in_the_warm_up_and_falls_to_its_last_value(training_config):
    config = training_config.model_copy(update={"steps": 101, "warmup_steps": 9, "final_learning_rate": 0.1})
    shares = [learning_rate_share(step, config) for step in range(101)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[-1] == pytest.approx(0.1)
    assert max(shares) == shares[9] > 0.97
    assert shares[50] == pytest.approx(0.55)
    assert (np.diff(shares[:10]) > 0).all()
    assert (np.diff(shares[9:]) < 0).all()
    assert learning_rate_share(0, config.model_copy(update={"steps": 1, "warmup_steps": 0})) == 1


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_the_average_is_the_weighted_mean_of_the_steps_without_the_start(decay):
    """In Ultralytics' own average: the weights it began with have no part in it, and the horizon is the parameter's."""
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1e6)
    ema = ModelEMA(model)
    ema.decay = lambda updates: average_decay(updates, decay)
    values = np.random.default_rng(0).normal(size=20)
    for value in values:
        model.weight.data.fill_(value)
        ema.update(model)
    weights = decay ** np.arange(19, -1, -1.0)
    assert float(ema.ema.weight) == pytest.approx((weights * values).sum() / weights.sum(), abs=1e-5)
