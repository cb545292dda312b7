"""The optimiser: AdamW, which leaves biases and norms without decay."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from mtbench.matrix.learning_rate import share

Moments = tuple[Tensor, Tensor, Tensor]


class Optimizer:
    """Torch's fused AdamW (Loshchilov and Hutter 2019), warmed up, decayed and clipped.

    Biases and norms are not decayed, as in BERT's own training (Devlin et al. 2019, appendix
    A.2): every parameter that is a vector counts as one of them. A parameter without gradient
    keeps its value and its moments. Torch's function is called and not its class, which imports
    the compiler of a second or more for every run.

    Args:
        model: of its parameters, those that are trained.
        config: the ``train`` section of the configuration.
        steps: how many there will be.
    """

    def __init__(self, model: nn.Module, config: Mapping[str, Any], steps: int) -> None:
        self._config = config
        self._steps = steps
        self._trained = [p for p in model.parameters() if p.requires_grad]
        self._moments: dict[nn.Parameter, Moments] = {}

    def clip(self) -> None:
        """Clip the combined gradient, shared and head parameters together."""
        if self._config["clip_norm"] is not None:
            torch.nn.utils.clip_grad_norm_(self._trained, self._config["clip_norm"])

    @torch.no_grad()
    def step(self, index: int) -> None:
        """Take a step, of this index from 0, at its learning rate."""
        config = self._config
        rate = config["lr"] * share(
            index, self._steps, warmup=config["warmup"], decay=config["decay"]
        )
        used = [(p, p.grad) for p in self._trained if p.grad is not None]
        for is_vector, decay in ((False, config["weight_decay"]), (True, 0.0)):
            group = [(p, g, *self._of(p)) for p, g in used if (p.ndim <= 1) == is_vector]
            if not group:
                continue
            parameters, gradients, means, squares, counts = map(list, zip(*group, strict=True))
            adamw(
                parameters,
                gradients,
                means,
                squares,
                [],
                counts,
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=rate,
                weight_decay=decay,
                eps=1e-8,
                maximize=False,
            )

    def _of(self, parameter: nn.Parameter) -> Moments:
        """Return the running means of its gradient and of its square, and how many they are of."""
        if parameter not in self._moments:
            self._moments[parameter] = (
                torch.zeros_like(parameter),
                torch.zeros_like(parameter),
                torch.zeros((), dtype=torch.float32, device=parameter.device),
            )
        return self._moments[parameter]
