"""What follows from the number of a step: the learning rate, and how much the average of the weights moves."""

import math

from gsam_edge.students.ultralytics.config import StudentTrainingConfig


def learning_rate_share(step: int, config: StudentTrainingConfig) -> float:
    """Returns a step's learning rate as a share of the peak: half a cosine, times a linear rise in the warm-up.

    Args:
        step: from 0.
        config: `steps`, `warmup_steps` and `final_learning_rate`, which the last step has.
    """
    progress = step / max(config.steps - 1, 1)
    cosine = config.final_learning_rate + (1 - config.final_learning_rate) * (1 + math.cos(math.pi * progress)) / 2
    return cosine * min(1.0, (step + 1) / (config.warmup_steps + 1))


def average_decay(updates: int, decay: float) -> float:
    """Returns the share that the average keeps of itself in an update, for an average without bias.

    The average after n updates is then the mean of the weights w_1 .. w_n, w_k weighted by decay^(n - k): those before
    the first step have no part in it, as in Adam's correction (Kingma and Ba 2015, arXiv:1412.6980, section 3).

    Args:
        updates: n, the number of this update, from 1.
        decay: 0 <= decay < 1; the horizon of the average is 1 / (1 - decay) steps.
    """
    return 1 - (1 - decay) / (1 - decay**updates)
