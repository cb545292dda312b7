"""GradDrop: where gradients disagree on a parameter's sign, one sign is drawn and kept.

Chen, Ngiam, Huang, Luong, Kretzschmar, Chai and Anguelov, 2020, Just Pick a Sign: Optimizing Deep
Multitask Models with Gradient Sign Dropout, Algorithm 1: for each parameter the positive sign has
the probability ``P = (1 + sum_k g_k / sum_k |g_k|) / 2`` (equation 1), and what has the other
sign is left out, but for a leak. The paper drops gradients of activations; here, where the
shared parameters are, it is those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput
    from mtbench_builtins.combiners.parameters import GradDropParameters


class GradDrop:
    """Draws a sign for each parameter, the likelier the more gradient it has."""

    def __init__(self, parameters: GradDropParameters) -> None:
        self._leak = parameters.leak

    def combine(self, x: CombineInput) -> Tensor:
        """Return the update [n]: the sum of what is left, and the leak of what is not."""
        jacobian = x.jacobian
        assert jacobian is not None  # the spec asks for it
        # On a GPU numbers are drawn there: the CPU would take longer than a step.
        seed = int(torch.randint(2**62, (), generator=x.generator))
        generator = torch.Generator(jacobian.device).manual_seed(seed)
        positive, negative = torch.zeros_like(jacobian[0]), torch.zeros_like(jacobian[0])
        for gradient in jacobian:
            positive += gradient.clamp(min=0)
            negative += gradient.clamp(max=0)
        drawn = torch.empty_like(positive).uniform_(generator=generator)
        # P > drawn, without a division by zero: P is the positive part of all there is.
        keep = positive > drawn * (positive - negative)
        kept, dropped = (
            torch.where(keep, positive, negative),
            torch.where(keep, negative, positive),
        )
        return kept + self._leak * dropped
