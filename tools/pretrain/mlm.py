"""Masked-language-model pre-training (Devlin et al. 2019, section 3.1, task 1)."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.api import Tokens
from mtbench.model.batching import ragged
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.vocabulary import SPECIAL

FIRST_WORD = len(SPECIAL)
"""Token id after the special ones, which are never masked."""
MASK = SPECIAL.index("[MASK]")


class MaskedLanguageModel(nn.Module):
    """An encoder that tells masked tokens, with the word embeddings as its output layer.

    Args:
        encoder: the encoder.
        masked: share of the tokens that are to be told.
    """

    def __init__(self, encoder: MinBert, masked: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.masked = masked
        self.transform = nn.Sequential(
            nn.Linear(encoder.width, encoder.width), nn.GELU(), nn.LayerNorm(encoder.width)
        )
        self.bias = nn.Parameter(torch.zeros(encoder.embeddings.word.num_embeddings))

    def loss(self, sequences: Sequence[Tokens]) -> Tensor:
        """Return the mean cross-entropy of the masked tokens.

        Of those, 80 % are replaced by ``[MASK]``, 10 % by any piece, and 10 % stay.
        """
        batch = ragged(sequences)
        words = batch.ids >= FIRST_WORD
        chosen = words & (torch.rand(batch.ids.shape) < self.masked)
        if not chosen.any():
            chosen = words
        lot = torch.rand(batch.ids.shape)
        random_ids = torch.randint(FIRST_WORD, len(self.bias), batch.ids.shape)
        ids = batch.ids.masked_fill(chosen & (lot < 0.8), MASK)
        ids = torch.where(chosen & (lot >= 0.9), random_ids, ids)
        states = self.encoder(replace(batch, ids=ids)).tokens[chosen]
        logits = F.linear(self.transform(states), self.encoder.embeddings.word.weight, self.bias)
        return F.cross_entropy(logits, batch.ids[chosen])
