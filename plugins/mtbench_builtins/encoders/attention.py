"""Scaled dot-product attention within each sequence of a ragged batch, without padding.

Shapes: N sequences and T tokens of a batch, width d, h attention heads of width e = d / h; a
group of c equally long sequences has c h matrices of l rows, one row a token and head.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtbench.api import RaggedBatch
from mtbench_builtins.encoders.dropout import draw


def attend(qkv: Tensor, layout: Layout, dropout: float) -> Tensor:
    """Return what each token gathers from its sequence (Vaswani et al. 2017, equation 1).

    On the CPU each group of equally long sequences is one batch of matrix products; elsewhere
    PyTorch's kernels for nested tensors take sequences of any lengths.

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


class Layout:
    """How the tokens of a batch are gathered for attention; one serves all layers.

    Gathered by length, each group of c sequences of length l has c h matrices of l rows.

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
        groups = batch.by_length()
        self._lengths = list(groups)
        self._rows = [
            len(sequences) * heads * length for length, sequences in groups.items()
        ]  # c h l
        self._weights = [
            rows * length for rows, length in zip(self._rows, self._lengths, strict=True)
        ]
        self.numbers = sum(self._weights)

    def matrices(self, rows: Tensor) -> list[Tensor]:
        """Return gathered rows [T h, e] group by group, as matrices [c h, l, e]."""
        parts = zip(rows.split(self._rows), self._lengths, strict=True)
        return [part.view(-1, length, rows.shape[1]) for part, length in parts]

    def squares(self, weights: Tensor) -> list[Tensor]:
        """Return attention's weights, one vector, group by group as matrices [c h, l, l]."""
        parts = zip(weights.split(self._weights), self._lengths, strict=True)
        return [part.view(-1, length, length) for part, length in parts]

    @cached_property
    def gather(self) -> Tensor:
        """[T h] rows of a stream [T, h, e] that make up the groups, each as [c, h, l, e]."""
        starts = self._batch.starts.numpy()
        heads = np.arange(self.heads)[:, None]
        rows = []
        for length, sequences in self._batch.by_length().items():
            tokens = starts[sequences][:, None, None] + np.arange(length)  # [c, 1, l]
            rows.append((tokens * self.heads + heads).ravel())  # c, h, l
        return torch.from_numpy(np.concatenate(rows))

    @cached_property
    def scatter(self) -> Tensor:
        """[T h], the way back: rows of the groups that make up the stream."""
        return _inverse(self.gather)

    @cached_property
    def gather_three(self) -> Tensor:
        """[3 T h] rows of a stream [T, 3, h, e]: all queries, then all keys, then all values."""
        tokens, heads = self.gather // self.heads, self.gather % self.heads
        return torch.cat([(3 * tokens + part) * self.heads + heads for part in range(3)])

    @cached_property
    def scatter_three(self) -> Tensor:
        """[3 T h], the way back from queries, keys and values to the stream."""
        return _inverse(self.gather_three)


def _inverse(order: Tensor) -> Tensor:
    """Return the permutation that undoes one."""
    return torch.empty_like(order).index_copy_(0, order, torch.arange(len(order)))


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
        for scores, of_q, of_k in zip(layout.squares(weights), q, k, strict=True):
            keys = of_k.transpose(1, 2)
            torch.baddbmm(scores, of_q, keys, beta=0, alpha=1 / sqrt(e), out=scores)
            torch.softmax(scores, dim=2, out=scores)
        kept, scale = draw(len(weights), dropout) if dropout else (None, 1.0)
        used = weights if kept is None else (weights * kept).mul_(scale)
        outputs = gathered.new_empty(len(gathered) // 3, e)
        places = layout.squares(used), v, layout.matrices(outputs)
        for of_used, of_v, output in zip(*places, strict=True):
            torch.bmm(of_used, of_v, out=output)
        ctx.save_for_backward(gathered, weights, used, outputs)
        ctx.layout, ctx.kept, ctx.scale = layout, kept, scale
        return outputs.index_select(0, layout.scatter).view(len(qkv), -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        gathered, weights, used, outputs = ctx.saved_tensors
        layout, e = ctx.layout, gathered.shape[1]
        q, k, v = (layout.matrices(rows) for rows in gathered.chunk(3))
        of_gathered = torch.empty_like(gathered)
        of_q, of_k, of_v = (layout.matrices(rows) for rows in of_gathered.chunk(3))
        of_outputs = gradient.reshape(-1, e).index_select(0, layout.gather)
        of_weights = torch.empty_like(weights)
        of_scores = layout.squares(of_weights)
        places = layout.matrices(of_outputs), layout.squares(used), v, of_v, of_scores
        for of_output, w, value, of_value, of_used in zip(*places, strict=True):
            torch.bmm(w.transpose(1, 2), of_output, out=of_value)
            torch.bmm(of_output, value.transpose(1, 2), out=of_used)
        if ctx.kept is not None:
            of_weights.mul_(ctx.kept).mul_(ctx.scale)
        # Softmax: ds = w (dw - sum over the row of w dw), and that sum is the product of the
        # output with its own gradient (Dao et al. 2022, appendix B.2), dropout or not.
        of_weights.mul_(weights).mul_(1 / sqrt(e))
        sums = (of_outputs * outputs).sum(dim=1, keepdim=True).mul_(1 / sqrt(e))  # [T h, 1]
        groups = of_scores, layout.squares(weights), layout.matrices(sums), q, k, of_q, of_k
        for of_score, w, total, query, key, of_query, of_key in zip(*groups, strict=True):
            of_score.addcmul_(w, total, value=-1)
            torch.bmm(of_score, key, out=of_query)
            torch.bmm(of_score.transpose(1, 2), query, out=of_key)
        of_qkv = of_gathered.index_select(0, layout.scatter_three)
        return of_qkv.view(len(gradient), -1), None, None
