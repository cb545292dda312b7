"""Random loss weighting: weights drawn anew each step, the least that a clever one must beat.

Lin, Ye, Zhang and Tsang, 2022, Reasonable Effectiveness of Random Weighting: A Litmus Test for
Multi-Task Learning (first called A Closer Look at Loss Weighting in Multi-Task Learning), section
3: weights from a normal distribution, put through a softmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput, Parameters


class RLW:
    """Draws a weight a task.

    The paper's weights add up to 1; here they average 1, as those of the sum do, so that a
    learning rate means the same.
    """

    def __init__(self, parameters: Parameters) -> None:
        """Take no parameters of its own."""

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64."""
        m = len(x.tasks)
        return m * torch.randn(m, generator=x.generator, dtype=torch.float64).softmax(dim=0)
