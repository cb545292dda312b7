"""Matrix products: how fast this machine multiplies, and how many products a step is made of."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from contenders.work import Taken, Work

PASSES = 3
"""A linear layer multiplies three times a step: x W^T, then g W and g^T x on the way back."""


class Products:
    """The products of one encoder layer's linear maps, in float32, at the real tokens of a step.

    Attributes:
        layers: of the encoder; here are the products of one.
        width: d.
    """

    def __init__(self, work: Work) -> None:
        config = json.loads((Path(work.checkpoint) / "config.json").read_text("utf-8"))
        self._work = work
        self.layers, self.width = config["num_hidden_layers"], config["hidden_size"]
        d, wide = self.width, config["intermediate_size"]
        self._weights = [torch.randn(n, m) for n, m in ((3 * d, d), (d, d), (wide, d), (d, wide))]
        self._of_weights = {w.shape: torch.empty_like(w) for w in self._weights}
        self._operands: list[tuple[torch.Tensor, ...]] = []

    def step(self, taken: Taken) -> None:
        tokens = sum(self._work.lengths(taken))
        if not self._operands or len(self._operands[0][0]) < tokens:
            self._operands = [
                tuple(torch.randn(tokens, size) for size in (*w.shape[::-1], *w.shape[::-1]))
                for w in self._weights
            ]
        for weight, operands in zip(self._weights, self._operands, strict=True):
            x, g, of_x, y = (operand[:tokens] for operand in operands)
            torch.mm(x, weight.T, out=y)
            torch.mm(g, weight, out=of_x)
            torch.mm(g.T, x, out=self._of_weights[weight.shape])

    def operations(self, lengths: Sequence[int]) -> int:
        """Return the floating-point operations of ``step``: two a multiplication with a sum."""
        return PASSES * 2 * sum(lengths) * sum(weight.numel() for weight in self._weights)

    def operations_of_a_step(self, lengths: Sequence[int]) -> int:
        """Return those of a whole training step: linear maps and attention, padding left out."""
        attention = 2 * 2 * self.width * sum(length**2 for length in lengths)
        return self.layers * (self.operations(lengths) + PASSES * attention)
