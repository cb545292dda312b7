"""Pooling: from an encoder's token states to one embedding a sequence."""

from typing import assert_never

import torch
from torch import Tensor

from mtbench.protocols import EncoderOutput, Pooling, RaggedBatch


def pool(output: EncoderOutput, batch: RaggedBatch, pooling: Pooling) -> Tensor:
    """Return one embedding a sequence, [N, d], in the order in which the caller gave them.

    Args:
        output: what the encoder made of the batch.
        batch: the batch.
        pooling: ``"cls"``, the state of the first token; ``"pooler"``, BERT's dense layer and
            tanh over it (Devlin et al. 2019); ``"mean"``, the mean over all tokens, special
            ones included (Reimers and Gurevych 2019).
    """
    match pooling:
        case "cls":
            return output.tokens[batch.starts[batch.order]]
        case "pooler":
            return output.pooled[batch.order]
        case "mean":
            return _means(output.tokens, batch)[batch.order]
        case _:
            assert_never(pooling)


def _means(tokens: Tensor, batch: RaggedBatch) -> Tensor:
    """Return the mean state of each sequence, [N, d], in the batch's order."""
    groups = [(count, length) for _, count, length in batch.groups()]
    parts = tokens.split([count * length for count, length in groups])
    return torch.cat(
        [
            part.view(count, length, -1).mean(dim=1)
            for part, (count, length) in zip(parts, groups, strict=True)
        ]
    )
