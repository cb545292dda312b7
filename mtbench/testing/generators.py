"""Global generators of random numbers, which a component neither moves nor depends on."""

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from mtbench.testing.checks import fail


@contextmanager
def untouched() -> Iterator[None]:
    """Fail if a global generator of Python, numpy or torch is not in the state it was in."""
    before = _states()
    yield
    moved = [name for name, state in _states().items() if state != before[name]]
    if moved:
        fail("the global generators as they were", f"another state of {' and '.join(moved)}")


@contextmanager
def seeded_globally(seed: int) -> Iterator[None]:
    """Have the global generators start from a seed, and put them back afterwards."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


def _states() -> dict[str, Any]:
    """Return the states of the global generators, as values that compare."""
    return {
        "Python's": random.getstate(),
        "numpy's": pickle.dumps(np.random.get_state()),
        "torch's": bytes(torch.get_rng_state().numpy()),
    }
