"""AdamW as it is written down in the paper, one parameter after the other."""

from collections.abc import Iterable
from math import sqrt

import torch
from torch import Tensor, nn


class AdamW(torch.optim.Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, Algorithm 2)."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, **group)

    def _update(
        self,
        parameter: Tensor,
        gradient: Tensor,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        **_: object,
    ) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        state["step"] += 1
        mean, square, (first, second) = state["mean"], state["square"], betas
        mean.mul_(first).add_(gradient, alpha=1 - first)
        square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        correction = sqrt(1 - second ** state["step"])
        size = lr * correction / (1 - first ** state["step"])
        if weight_decay:
            parameter.mul_(1 - lr * weight_decay)
        parameter.addcdiv_(mean, square.sqrt().add_(eps * correction), value=-size)
