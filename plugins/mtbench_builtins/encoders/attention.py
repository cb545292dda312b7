"""Scaled dot-product attention within each sequence of a ragged batch.

Shapes: N sequences and T tokens of a batch, width d, h attention heads of width e = d / h; a
group of c sequences of about the same length has c h matrices of l rows, one row a token and
head. A sequence shorter than l is padded by copies of its last token, which no other token sees.
R rows are those of all groups, pads included.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mtbench.api import RaggedBatch
from mtbench_builtins.encoders.dropout import draw


def attend(qkv: Tensor, layout: Layout, dropout: float) -> Tensor:
    """Return what each token gathers from its sequence (Vaswani et al. 2017, equation 1).

    On the CPU each group of sequences is one batch of matrix products; elsewhere PyTorch's
    kernels for nested tensors take sequences of any lengths.

    Args:
        qkv: [T, 3 d], queries, keys and values.
        layout: of the batch.
        dropout: rate on the attention's weights.

    Returns:
        [T, d].
    """
    if qkv.device.type == "cpu":
        # In half precision, too, weights and their sums are float32, as fused kernels have them.
        wide = torch.promote_types(qkv.dtype, torch.float32)
        gathered: Tensor = _Grouped.apply(qkv.to(wide), layout, dropout)  # type: ignore[no-untyped-call]
        return gathered.to(qkv.dtype)
    return nested(qkv, layout, dropout)


def nested(qkv: Tensor, layout: Layout, dropout: float) -> Tensor:
    """Do the same by a nested tensor, whose sequences PyTorch keeps side by side as we do."""
    heads = qkv.unflatten(1, (3, layout.heads, -1)).movedim(1, 0).contiguous()  # [3, T, h, e]
    with warnings.catch_warnings():
        # Torch calls nested tensors a prototype; nobody who trains can do anything about it.
        warnings.filterwarnings("ignore", message=".*prototype stage", category=UserWarning)
        q, k, v = (
            torch.nested.nested_tensor_from_jagged(
                part, layout.offsets, min_seqlen=layout.shortest, max_seqlen=layout.longest
            ).transpose(1, 2)
            for part in heads
        )
    gathered = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)  # [N, h, l, e]
    return gathered.transpose(1, 2).values().flatten(1)  # [T, d]


MULTIPLE = 8
"""Lengths of groups: a batch has dozens of lengths, and products of many small groups take longer
than the products with what pads them."""

UNSEEN = -1e30
"""Added to the score of a pad: its weight is 0, to the bit, and the sum of the others stays."""


class Layout:
    """How the tokens of a batch are gathered for attention; one serves all layers.

    Attributes:
        heads: h.
        shortest, longest: lengths of sequences.
        offsets: [N + 1], where sequences begin and end in the stream.
        numbers: attention's weights of the batch, c h l l of each group.
    """

    def __init__(self, batch: RaggedBatch, heads: int) -> None:
        self.heads = heads
        self.shortest, self.longest = min(batch.lengths), max(batch.lengths)
        self.offsets = F.pad(batch.starts, (0, 1), value=len(batch.ids))
        self._batch = batch
        self._groups: dict[int, list[int]] = {}  # sequences by l
        for length, sequences in batch.by_length().items():
            padded = -(-length // MULTIPLE) * MULTIPLE
            self._groups.setdefault(padded, []).extend(sequences)
        self._rows = [
            len(sequences) * heads * length for length, sequences in self._groups.items()
        ]  # c h l
        self._weights = [
            rows * length for rows, length in zip(self._rows, self._groups, strict=True)
        ]
        self.numbers = sum(self._weights)

    def matrices(self, rows: Tensor) -> list[Tensor]:
        """Return gathered rows [R, e] group by group, as matrices [c h, l, e]."""
        parts = zip(rows.split(self._rows), self._groups, strict=True)
        return [part.view(-1, length, rows.shape[1]) for part, length in parts]

    def squares(self, weights: Tensor) -> list[Tensor]:
        """Return attention's weights, one vector, group by group as matrices [c h, l, l]."""
        parts = zip(weights.split(self._weights), self._groups, strict=True)
        return [part.view(-1, length, length) for part, length in parts]

    @cached_property
    def gather(self) -> Tensor:
        """[R] rows of a stream [T, h, e] that make up the groups, each as [c, h, l, e]."""
        tokens, heads, _ = self._places
        return torch.from_numpy(tokens * self.heads + heads)

    @cached_property
    def gather_three(self) -> Tensor:
        """[3 R] rows of a stream [T, 3, h, e]: all queries, then all keys, then all values."""
        tokens, heads, _ = self._places
        queries = 3 * self.heads * tokens + heads
        return torch.from_numpy(np.concatenate([queries + part * self.heads for part in range(3)]))

    @cached_property
    def scatter(self) -> Tensor:
        """[T h], the way back: rows of the groups that make up the stream."""
        real = self._places[2].nonzero()[0]
        rows = np.empty_like(real)
        rows[self.gather.numpy()[real]] = real
        return torch.from_numpy(rows)

    @cached_property
    def scatter_three(self) -> Tensor:
        """[3 T h], the way back from queries, keys and values to the stream."""
        parts = len(self.gather) * torch.arange(3)[:, None]
        return (self.scatter.view(-1, 1, self.heads) + parts).flatten()

    @cached_property
    def pads(self) -> Tensor:
        """Which of the R rows are copies."""
        return torch.from_numpy((~self._places[2]).nonzero()[0])

    def biases(self, dtype: torch.dtype) -> list[Tensor | None]:
        """Return what is added to the scores of each group, [c h, 1, l]; None without pads."""
        return [None if bias is None else bias.to(dtype) for bias in self._biases]

    @cached_property
    def _biases(self) -> list[Tensor | None]:
        real = torch.from_numpy(self._places[2]).split(self._rows)
        return [
            None if part.all() else torch.where(part, 0.0, UNSEEN).view(-1, 1, length)
            for part, length in zip(real, self._groups, strict=True)
        ]

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Token and head of each of the R rows, and whether it is no copy."""
        starts, lengths = self._batch.starts.numpy(), np.array(self._batch.lengths)
        parts = []
        for padded, sequences in self._groups.items():
            shape = len(sequences), self.heads, padded
            heads = np.arange(self.heads)[:, None]  # [h, 1]
            last = lengths[sequences][:, None, None] - 1  # [c, 1, 1]
            places = np.arange(padded)  # [l]
            tokens = starts[sequences][:, None, None] + np.minimum(places, last)  # [c, 1, l]
            rows = tokens, heads, places <= last
            parts.append([np.broadcast_to(each, shape).ravel() for each in rows])
        tokens, heads, real = (np.concatenate(part) for part in zip(*parts, strict=True))
        return tokens, heads, real


_softmax_backward = torch.ops.aten._softmax_backward_data.out
"""From weights and the gradient of them to that of scores, in one pass over both."""


class _Grouped(torch.autograd.Function):
    """Attention group by group, with the numbers of all groups in common buffers.

    One gathering, one dropout mask and one buffer for all groups take the place of copies for
    each: a batch has dozens of lengths, and most groups are small.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, layout: Layout, dropout: float) -> Tensor:
        e = qkv.shape[1] // (3 * layout.heads)
        gathered = qkv.view(-1, e).index_select(0, layout.gather_three)
        q, k, v = (layout.matrices(rows) for rows in gathered.chunk(3))
        weights = qkv.new_empty(layout.numbers)
        of_scores, biases = layout.squares(weights), layout.biases(qkv.dtype)
        for scores, of_q, of_k, bias in zip(of_scores, q, k, biases, strict=True):
            added, beta = (scores, 0) if bias is None else (bias, 1)
            keys = of_k.transpose(1, 2)
            torch.baddbmm(added, of_q, keys, beta=beta, alpha=1 / sqrt(e), out=scores)
            torch.softmax(scores, dim=2, out=scores)
        factors = draw(len(weights), dropout, qkv.dtype) if dropout else None
        used = weights if factors is None else weights * factors
        outputs = gathered.new_empty(len(gathered) // 3, e)
        places = layout.squares(used), v, layout.matrices(outputs)
        for of_used, of_v, output in zip(*places, strict=True):
            torch.bmm(of_used, of_v, out=output)
        ctx.save_for_backward(gathered, weights, used)
        ctx.layout, ctx.factors = layout, factors
        return outputs.index_select(0, layout.scatter).view(len(qkv), -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        gathered, weights, used = ctx.saved_tensors
        layout, e = ctx.layout, gathered.shape[1]
        q, k, v = (layout.matrices(rows) for rows in gathered.chunk(3))
        of_gathered = torch.empty_like(gathered)
        of_q, of_k, of_v = (layout.matrices(rows) for rows in of_gathered.chunk(3))
        of_outputs = gradient.reshape(-1, e).index_select(0, layout.gather)
        of_outputs.index_fill_(0, layout.pads, 0)
        of_weights = torch.empty_like(weights)
        of_scores = layout.squares(of_weights)
        places = layout.matrices(of_outputs), layout.squares(used), v, of_v, of_scores
        for of_output, w, value, of_value, of_used in zip(*places, strict=True):
            torch.bmm(w.transpose(1, 2), of_output, out=of_value)
            torch.bmm(of_output, value.transpose(1, 2), out=of_used)
        if ctx.factors is not None:
            of_weights.mul_(ctx.factors)
        groups = of_scores, layout.squares(weights), q, k, of_q, of_k
        for of_score, w, query, key, of_query, of_key in zip(*groups, strict=True):
            _softmax_backward(of_score, w, 2, w.dtype, grad_input=of_score)
            torch.baddbmm(of_query, of_score, key, beta=0, alpha=1 / sqrt(e), out=of_query)
            turned = of_score.transpose(1, 2)
            torch.baddbmm(of_key, turned, query, beta=0, alpha=1 / sqrt(e), out=of_key)
        of_qkv = of_gathered.index_select(0, layout.scatter_three)
        return of_qkv.view(len(gradient), -1), None, None
