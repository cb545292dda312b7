"""Temperature: between drawing tasks by their examples and drawing them uniformly."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import TYPE_CHECKING

from mtbench.api import Step
from mtbench_builtins.balancers.sampling import Sampler

if TYPE_CHECKING:
    from mtbench_builtins.balancers.sampling_parameters import TemperatureParameters


class Temperature:
    """Draws task i, of N_i examples, with probability ``p_i ~ min(N_i, K)^(1/T)``.

    Raffel et al. 2020, Exploring the Limits of Transfer Learning with a Unified Text-to-Text
    Transformer, section 3.5.2: temperature-scaled mixing, with the artificial limit K of
    examples-proportional mixing. Arivazhagan et al. 2019, Massively Multilingual Neural Machine
    Translation in the Wild, has the same without a limit.
    """

    def __init__(self, parameters: TemperatureParameters) -> None:
        """Start every task with a whole pass before it."""
        self._temperature = parameters.temperature
        self._cap = parameters.cap
        self._sampler = Sampler(parameters.group)

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch; see ``Sampler``."""
        weights = {task: self._weight(size) for task, size in sizes.items()}
        return self._sampler.epoch(sizes, batch_sizes, repeat(weights), rng)

    def _weight(self, size: int) -> float:
        counted = size if self._cap is None else min(size, self._cap)
        return float(counted ** (1 / self._temperature))
