"""Seeds for all random generators."""

import random

import numpy as np
import torch

from gsam_edge.training.errors import SettingError


def seed_everything(seed: int) -> None:
    """Seeds Python's, NumPy's (legacy, which libraries still use) and PyTorch's generators on every device.

    Args:
        seed: 0 <= seed < 2**32, NumPy's range.

    Raises:
        SettingError: outside that range.
    """
    if not 0 <= seed < 2**32:
        raise SettingError(f"seed: expected 0 <= seed < 2**32, got {seed}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def derived_seed(seed: int, *path: int) -> int:
    """Returns a seed for one part of a run (a step, an image), independent of the seeds of other parts.

    Hashed by NumPy's `SeedSequence`, so that (0, 1) and (1, 0), or neighbouring seeds, give unrelated results.
    """
    return int(np.random.SeedSequence([seed, *path]).generate_state(1)[0])
