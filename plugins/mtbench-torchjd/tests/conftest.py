"""What the tests share: seeded generators, one thread, and steps written down as Jacobians."""

import os
from collections.abc import Callable
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

from mtbench.api import CombineInput
from mtbench_torchjd import COMBINERS
from mtbench_torchjd.solvers import PACKAGES, missing

NAMES = [spec.name for spec in COMBINERS]
STATEFUL = ["torchjd-nash-mtl", "torchjd-gradvac", "torchjd-pcd", "torchjd-cr-mogm"]


@pytest.fixture(autouse=True)
def deterministic() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def step() -> Callable[..., CombineInput]:
    def make(tasks: str, jacobian: Any, *, seed: int = 0, index: int = 0) -> CombineInput:
        """Return a step of tasks named by one letter each."""
        rows = torch.as_tensor(jacobian, dtype=torch.float64)
        return CombineInput(
            tasks=tuple(tasks),
            losses=torch.ones(len(rows), dtype=torch.float64),
            gramian=rows @ rows.T,
            jacobian=rows,
            step=index,
            total_steps=10,
            generator=torch.Generator().manual_seed(seed),
        )

    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a name, or a stateful one, once for each."""
    for argument, names in (("name", NAMES), ("stateful", STATEFUL)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what is about a combiner whose solver is not there."""
    for item in items:
        for extra in PACKAGES:
            absent = missing(extra)
            if absent and (extra in item.nodeid or extra.replace("-", "_") in item.nodeid):
                reason = f"{', '.join(absent)}: not installed (no ECOS wheels from Python 3.13 on)"
                item.add_marker(pytest.mark.skip(reason=reason))
