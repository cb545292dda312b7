"""Pooling: from an encoder's token states to one embedding a sequence."""

from typing import Literal, assert_never

import torch
from torch import Tensor, nn

from mtbench.protocols import EncoderOutput, RaggedBatch

FixedPooling = Literal["cls", "pooler", "mean"]
"""A pooling without parameters of its own: one result serves all heads that ask for it."""


def pool(output: EncoderOutput, batch: RaggedBatch, pooling: FixedPooling) -> Tensor:
    """Return one embedding a sequence, [N, d], in the batch's order.

    Args:
        output: what the encoder made of the batch.
        batch: the batch.
        pooling: ``"cls"``, the state of the first token; ``"pooler"``, BERT's dense layer and
            tanh over it (Devlin et al. 2019); ``"mean"``, the mean over all tokens, special
            ones included (Reimers and Gurevych 2019).
    """
    match pooling:
        case "cls":
            return output.tokens[batch.starts]
        case "pooler":
            return output.pooled
        case "mean":
            return _reduce(output.tokens, "mean", _lengths(batch))
        case _:
            assert_never(pooling)


class AttentionPooling(nn.Module):
    """A mean over a sequence's tokens whose weights are learned: ``sum_t a_t h_t``.

    The weights ``a = softmax(w . h_1, ..., w . h_n)`` come from one vector w, the query, and are
    those of Yang et al. 2016, Hierarchical Attention Networks, equations 5 to 7, and of Lin et
    al. 2017, A Structured Self-Attentive Sentence Embedding, section 2, with one row and
    without the hidden layer that both have before it. Special tokens count, as in the mean.

    The query starts at 0, where the weights are equal: training starts from ``"mean"``, whatever
    the seed.

    Args:
        width: d of the token states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # A matrix of one row, and so decayed like other weights: towards the mean.
        self.query = nn.Parameter(torch.zeros(1, width))

    def forward(self, output: EncoderOutput, batch: RaggedBatch, first: int, end: int) -> Tensor:
        """Return one embedding for each of the sequences from one to another, [end - first, d].

        Args:
            output: what the encoder made of the batch.
            batch: the batch.
            first: index of the first of the sequences.
            end: index after the last one.
        """
        start = sum(batch.lengths[:first])
        count = sum(batch.lengths[first:end])
        tokens = output.tokens[start : start + count]  # [t, d]
        lengths = _lengths(batch)[first:end]
        # Products of a row, not a matrix product, which autocast would do in half precision.
        scores = (tokens * self.query).sum(dim=-1)  # [t]
        largest = _reduce(scores.detach(), "max", lengths)  # cancels out; exp stays finite
        shares = (scores - largest.repeat_interleave(lengths, output_size=count)).exp()
        total = _reduce(shares, "sum", lengths)
        return _reduce(shares.unsqueeze(-1) * tokens, "sum", lengths) / total.unsqueeze(-1)


def _lengths(batch: RaggedBatch) -> Tensor:
    """Return the sequences' lengths, [N], where the batch lies."""
    return batch.starts.diff(append=batch.starts.new_full((1,), len(batch.ids)))


def _reduce(values: Tensor, how: str, lengths: Tensor) -> Tensor:
    """Reduce the tokens' values [t, ...] to one a sequence, [n, ...]."""
    # Unsafe: without a check of the lengths, for which a GPU would have to be waited for.
    return torch.segment_reduce(values, how, lengths=lengths, unsafe=True)
