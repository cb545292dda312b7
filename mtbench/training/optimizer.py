"""The optimiser: AdamW, which leaves biases and norms without decay."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mtbench.matrix.learning_rate import share


class Optimizer:
    """Torch's fused AdamW (Loshchilov and Hutter 2019), warmed up, decayed and clipped.

    Biases and norms are not decayed, as in BERT's own training (Devlin et al. 2019, appendix
    A.2): every parameter that is a vector counts as one of them.

    Args:
        model: of its parameters, those that are trained.
        config: the ``train`` section of the configuration.
        steps: how many there will be.
    """

    def __init__(self, model: nn.Module, config: Mapping[str, Any], steps: int) -> None:
        self._config = config
        self._steps = steps
        self._trained = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {
                "params": [p for p in self._trained if p.ndim > 1],
                "weight_decay": config["weight_decay"],
            },
            {"params": [p for p in self._trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._adamw = torch.optim.AdamW(groups, lr=config["lr"], fused=True)

    def clip(self) -> None:
        """Clip the combined gradient, shared and head parameters together."""
        if self._config["clip_norm"] is not None:
            torch.nn.utils.clip_grad_norm_(self._trained, self._config["clip_norm"])

    def step(self, index: int) -> None:
        """Take a step, of this index from 0, at its learning rate."""
        config = self._config
        rate = config["lr"] * share(
            index, self._steps, warmup=config["warmup"], decay=config["decay"]
        )
        for group in self._adamw.param_groups:
            group["lr"] = rate
        self._adamw.step()
