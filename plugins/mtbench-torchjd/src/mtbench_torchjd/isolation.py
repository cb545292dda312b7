"""Isolation: TorchJD and its solvers run with random states of their own, and in silence."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

LIBRARIES = ("torchjd", "cvxpy", "qpsolvers", "scipy")
"""Whose warnings say nothing to somebody who trains: a division by zero on the way, or that a
problem could be compiled once."""


@contextmanager
def isolated(generator: torch.Generator, device: torch.device | None = None) -> Iterator[None]:
    """Seed the global generators from the combiner's own, and put them back afterwards.

    Torch's generators of the CPU and of one device are concerned, numpy's and Python's; the
    solvers' warnings are left out meanwhile.

    Args:
        generator: the combiner's own, on the CPU; one number is drawn from it.
        device: where TorchJD works, if not on the CPU.
    """
    seed = int(torch.randint(2**32, (), generator=generator))
    devices = [device] if device is not None and device.type == "cuda" else []
    python, legacy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices), warnings.catch_warnings():
        for library in LIBRARIES:
            warnings.filterwarnings("ignore", module=rf"{library}\b")
        # torch.manual_seed would seed every device, those that are not forked too.
        torch.default_generator.manual_seed(seed)
        for forked in devices:
            with torch.cuda.device(forked):
                torch.cuda.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)
