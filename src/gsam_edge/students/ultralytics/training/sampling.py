"""Which images each step of a training is shown: from two pools, by the number of the step alone."""

from collections.abc import Iterator, Sequence
from itertools import islice
from math import ceil

import numpy as np
from torch.utils.data import Sampler

from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.training.seed import derived_seed


class PoolSampler(Sampler[int]):
    """Indices of one epoch's batches: in each, images with the truth first, then those whose labels no person gave.

    Each pool is passed through in an order drawn anew for each pass, so that all its images come equally often. A draw
    follows from seed, pool and its number, and its number from the step: a continued run needs nothing but the epoch.

    Attributes:
        pools: indices of the images with the truth, and of the others.
        epoch: the epoch to draw, from 0; one has `validate_every` steps, and the last one those that are left.
    """

    def __init__(
        self,
        truth: Sequence[int],
        pseudo: Sequence[int],
        config: StudentTrainingConfig,
        *,
        seed: int,
        plain_share: float = 0.0,
    ) -> None:
        """Sets the pools.

        Args:
            truth: indices of the images with the truth, at least one.
            pseudo: indices of the others; where there are none, the truth fills all batches.
            config: steps, batch, and the shares of the pools.
            seed: of the order.
            plain_share: share of each pool's images in a batch that are shown plain (`plain.images`); a share above 0
                is one image at least.
        """
        self.epoch = 0
        self.pools = truth, pseudo
        self._images = len(truth) + len(pseudo)
        self._config = config
        self._seed = seed
        self._plain_share = plain_share
        wanted = round(config.pseudo_share * config.batch_size)
        self._pseudo_in_batch = min(max(wanted, 1), config.batch_size - 1) if pseudo else 0
        self._mixed_steps = config.steps - round(config.truth_only * config.steps) if pseudo else 0

    def __len__(self) -> int:
        """Returns the number of indices of the epoch."""
        first, end = self._epoch_steps()
        return (end - first) * self._config.batch_size

    def __iter__(self) -> Iterator[int]:
        """Yields the indices of the epoch's batches.

        Index i + n, of n images, is image i without mosaic, mixup and copy-paste, and i + 2 n is image i shown plain.
        """
        first, end = self._epoch_steps()
        streams = [
            _shuffled(pool, self._seed, number, start)
            for number, (pool, start) in enumerate(zip(self.pools, self.drawn(first), strict=True))
        ]
        for step in range(first, end):
            unmixed = step >= self._config.steps - self._config.close_mosaic_steps
            for stream, count in zip(streams, self._counts(step), strict=True):
                plain = ceil(self._plain_share * count)
                for place, index in enumerate(islice(stream, count)):
                    yield index + self._images * (2 if place < plain else unmixed)

    def drawn(self, step: int) -> tuple[int, int]:
        """Returns how many images of each pool are drawn before a step, with repetitions."""
        pseudo = min(step, self._mixed_steps) * self._pseudo_in_batch
        return step * self._config.batch_size - pseudo, pseudo

    def passes(self) -> tuple[float, ...]:
        """Returns how often the whole training passes through each pool."""
        drawn = self.drawn(self._config.steps)
        return tuple(count / max(len(pool), 1) for pool, count in zip(self.pools, drawn, strict=True))

    def _counts(self, step: int) -> tuple[int, int]:
        pseudo = self._pseudo_in_batch if step < self._mixed_steps else 0
        return self._config.batch_size - pseudo, pseudo

    def _epoch_steps(self) -> tuple[int, int]:
        first = self.epoch * self._config.validate_every
        return first, min(first + self._config.validate_every, self._config.steps)


def _shuffled(pool: Sequence[int], seed: int, number: int, start: int) -> Iterator[int]:
    """Yields the pool's indices without end, one shuffled pass after the other, from the draw `start` on."""
    if not pool:
        return
    done, place = divmod(start, len(pool))
    while True:
        order = np.random.default_rng(derived_seed(seed, number, done)).permutation(pool)
        yield from order[place:].tolist()
        done, place = done + 1, 0
