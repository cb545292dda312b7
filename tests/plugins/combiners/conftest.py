"""What the combiners' tests share: a step's input, written down shortly."""

from collections.abc import Callable, Sequence

import pytest
import torch

from mtbench.api import CombineInput

Given = Callable[..., CombineInput]


@pytest.fixture
def given() -> Given:
    """Give a function that returns what a combiner sees of a step."""

    def make(
        *,
        losses: Sequence[float] | None = None,
        jacobian: Sequence[Sequence[float]] | torch.Tensor | None = None,
        tasks: str = "abcdefghijkl",
        generator: torch.Generator | None = None,
    ) -> CombineInput:
        rows = None if jacobian is None else torch.as_tensor(jacobian, dtype=torch.float64)
        count = len(losses) if losses is not None else len(rows)
        return CombineInput(
            tasks=tuple(tasks[:count]),
            losses=torch.tensor(losses or [1.0] * count, dtype=torch.float64),
            gramian=None if rows is None else rows @ rows.T,
            jacobian=rows,
            step=0,
            total_steps=1,
            generator=generator or torch.Generator().manual_seed(0),
        )

    return make
