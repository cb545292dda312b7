"""Pooling: from an encoder's token states to one embedding a sequence."""

from typing import assert_never

import torch
from torch import Tensor

from mtbench.protocols import EncoderOutput, Pooling, RaggedBatch


def pool(output: EncoderOutput, batch: RaggedBatch, pooling: Pooling) -> Tensor:
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
            lengths = batch.starts.diff(append=batch.starts.new_full((1,), len(batch.ids)))
            # Unsafe: without a check of the lengths, for which a GPU would have to be waited for.
            return torch.segment_reduce(output.tokens, "mean", lengths=lengths, unsafe=True)
        case _:
            assert_never(pooling)
