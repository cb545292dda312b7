"""Sentence vectors of an encoder: means over tokens, of length 1."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from mtbench.api import Tokenizer
from mtbench.model.batching import length_ordered_batches, ragged
from mtbench.model.pooling import pool
from mtbench_builtins.encoders.minbert import MinBert


def embed(
    encoder: MinBert, tokenizer: Tokenizer, texts: Sequence[str], *, batch_tokens: int
) -> torch.Tensor:
    """Return a vector a text, [texts, width], in float32.

    Args:
        encoder: in evaluation mode.
        tokenizer: its own.
        texts: one sequence each.
        batch_tokens: of a forward pass, at most.
    """
    tokens = tokenizer.encode([(text,) for text in texts])
    vectors = torch.empty(len(texts), encoder.width)
    with torch.inference_mode():
        for indices in length_ordered_batches([len(t.ids) for t in tokens], batch_tokens):
            batch = ragged([tokens[i] for i in indices])
            vectors[indices] = F.normalize(pool(encoder(batch), batch, "mean").float(), dim=1)
    return vectors
