"""BERT over padded batches (Devlin et al. 2019), each formula as the papers write it.

Shapes beside the lines: N sequences, padded to L tokens; width d, h attention heads.
"""

import json
from math import sqrt
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

MASKED = -10_000.0
"""What is added to the scores of padding before the softmax."""

STORED = {
    "word": "embeddings.word_embeddings",
    "position": "embeddings.position_embeddings",
    "segment": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}
"""Modules of this file, and what a checkpoint calls them."""


class PlainLayer(nn.Module):
    """A transformer layer: attention and a feed-forward net, each added and normalised."""

    def __init__(self, config: dict[str, Any], dropout: float) -> None:
        super().__init__()
        width, wide = config["hidden_size"], config["intermediate_size"]
        self.heads = config["num_attention_heads"]
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.attention_output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.intermediate = nn.Linear(width, wide)
        self.output = nn.Linear(wide, width)
        self.output_norm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, added: Tensor) -> Tensor:
        attended = self.attention_output(self._attend(x, added))  # [N, L, d]
        x = self.attention_norm(x + self.dropout(attended))
        hidden = F.gelu(self.intermediate(x))  # [N, L, 4 d]
        states: Tensor = self.output_norm(x + self.dropout(self.output(hidden)))
        return states

    def _attend(self, x: Tensor, added: Tensor) -> Tensor:
        n, length, width = x.shape
        query, key, value = (
            linear(x).view(n, length, self.heads, -1).transpose(1, 2)  # [N, h, L, d / h]
            for linear in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(2, 3) / sqrt(width // self.heads) + added  # [N, h, L, L]
        weights = self.dropout(torch.softmax(scores, dim=-1))
        return (weights @ value).transpose(1, 2).reshape(n, length, width)


class PlainBert(nn.Module):
    """Embeddings and layers; no pooler, since no head of the comparison asks for one."""

    def __init__(self, config: dict[str, Any], dropout: float) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.word = nn.Embedding(config["vocab_size"], width)
        self.position = nn.Embedding(config["max_position_embeddings"], width)
        self.segment = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(dropout)
        count = config["num_hidden_layers"]
        self.layers = nn.ModuleList(PlainLayer(config, dropout) for _ in range(count))

    @classmethod
    def from_checkpoint(cls, folder: Path, dropout: float) -> Self:
        """Return the model of a folder in the Hugging Face layout."""
        model = cls(json.loads((folder / "config.json").read_text("utf-8")), dropout)
        tensors = load_file(folder / "model.safetensors")
        model.load_state_dict({name: tensors[stored_name(name)] for name in model.state_dict()})
        return model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the states of the tokens, [N, L, d]."""
        positions = torch.arange(ids.shape[1])
        segments = torch.zeros_like(ids)
        x = self.word(ids) + self.position(positions) + self.segment(segments)
        x = self.dropout(self.norm(x))  # [N, L, d]
        added = (1.0 - mask[:, None, None, :].to(x.dtype)) * MASKED  # [N, 1, 1, L]
        for layer in self.layers:
            x = layer(x, added)
        return x


def stored_name(name: str) -> str:
    """Return what a checkpoint calls a parameter: ``layers.0.query.bias`` and the like."""
    module, _, leaf = name.rpartition(".")
    prefix = ""
    if module.startswith("layers."):
        _, layer, module = module.split(".")
        prefix = f"encoder.layer.{layer}."
    return f"{prefix}{STORED[module]}.{leaf}"
