"""minBERT: the encoder of Devlin et al. 2019 over ragged batches, in plain PyTorch.

Shapes beside the lines: N sequences and T tokens of a batch, width d, h attention heads of
width d / h, c sequences of equal length l in a group. No padded token is ever computed.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.api import EncoderOutput, Pooling, RaggedBatch
from mtbench_builtins.encoders import checkpoints, weights
from mtbench_builtins.encoders.checkpoints import Checkpoint
from mtbench_builtins.encoders.parameters import BertParameters
from mtbench_builtins.encoders.shape import Shape
from mtbench_builtins.encoders.vocabulary import vocabulary

INITIAL_SPREAD = 0.02
"""Standard deviation of BERT's initial weights."""


class Embeddings(nn.Module):
    """Sum of word, position and segment embeddings, normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.word = nn.Embedding(shape.vocabulary, shape.width)
        self.position = nn.Embedding(shape.max_positions, shape.width)
        self.segment = nn.Embedding(shape.types, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.dropout = nn.Dropout(shape.hidden_dropout)

    def forward(self, batch: RaggedBatch) -> Tensor:
        """Return the embedded tokens, [T, d]."""
        x = self.word(batch.ids) + self.segment(batch.types) + self.position(batch.positions)
        embedded: Tensor = self.dropout(self.norm(x))  # [T, d]
        return embedded


class SelfAttention(nn.Module):
    """Multi-head self-attention within each sequence (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.attention_heads
        self.dropout = shape.attention_dropout
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.output = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor, batch: RaggedBatch) -> Tensor:
        """Return what each token [T, d] gathers from its sequence, [T, d]."""
        groups = [(count, length) for _, count, length in batch.groups()]
        parts = self.qkv(x).split([count * length for count, length in groups])  # [c l, 3 d] each
        gathered = [
            self._attend(part.view(count, length, 3, self.heads, -1))
            for part, (count, length) in zip(parts, groups, strict=True)
        ]
        mixed: Tensor = self.output(torch.cat(gathered))  # [T, d]
        return mixed

    def _attend(self, qkv: Tensor) -> Tensor:
        """Attend within c sequences of equal length: [c, l, 3, h, d / h] to [c l, d]."""
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [c, h, l, d / h] each
        rate = self.dropout if self.training else 0.0
        gathered = F.scaled_dot_product_attention(q, k, v, dropout_p=rate)  # [c, h, l, d / h]
        return gathered.transpose(1, 2).flatten(2).flatten(0, 1)  # [c l, d]


class Layer(nn.Module):
    """A transformer layer: attention, then a feed-forward net, each added and normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = SelfAttention(shape)
        self.attention_norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.intermediate = nn.Linear(shape.width, shape.intermediate)
        self.output = nn.Linear(shape.intermediate, shape.width)
        self.output_norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.dropout = nn.Dropout(shape.hidden_dropout)

    def forward(self, x: Tensor, batch: RaggedBatch) -> Tensor:
        """Return the next states of the tokens [T, d]."""
        x = self.attention_norm(x + self.dropout(self.attention(x, batch)))  # [T, d]
        hidden = F.gelu(self.intermediate(x))  # [T, intermediate], the exact gelu
        states: Tensor = self.output_norm(x + self.dropout(self.output(hidden)))  # [T, d]
        return states


class MinBert(nn.Module):
    """A BERT from a checkpoint, or from scratch with BERT's random initial weights.

    Random weights, those of a pooler that the checkpoint lacks among them, come from torch's
    current generator.

    Attributes:
        width: d.
        pooling: what the checkpoint declares; else ``"pooler"``, or ``"cls"`` where the
            checkpoint has no pooler. From scratch, ``"mean"``.

    Raises:
        UsageError: if the checkpoint is nowhere, or is no BERT that can be read.
    """

    pooling: Pooling

    def __init__(self, parameters: BertParameters) -> None:
        super().__init__()
        checkpoint = checkpoints.find(parameters)
        if checkpoint is None:
            shape = Shape(vocabulary=len(vocabulary()), **parameters.shape())
        else:
            shape = checkpoint.shape()
        shape = shape.with_dropout(parameters.dropout)
        self.width = shape.width
        self.embeddings = Embeddings(shape)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.pooler = nn.Linear(shape.width, shape.width)
        self.apply(initialise)
        # A pooler of random weights is one more layer to learn; in small studies the
        # sample tasks stay far below what they reach with the mean (docs/design.md).
        self.pooling = "mean"
        if checkpoint is not None:
            self._load(checkpoint)
        self.frozen = parameters.mode == "frozen"
        if self.frozen:
            self.requires_grad_(False).eval()

    def _load(self, checkpoint: Checkpoint) -> None:
        state = weights.load(checkpoint.weights, self.state_dict())
        self.load_state_dict(state, strict=False)  # all but a pooler are there, says weights.load
        undeclared: Pooling = "pooler" if "pooler.weight" in state else "cls"
        self.pooling = checkpoint.declared_pooling() or undeclared

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        """Return the states of the tokens, [T, d], and the pooled ``[CLS]`` states, [N, d]."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            x = self.embeddings(batch)  # [T, d]
            for layer in self.layers:
                x = layer(x, batch)  # [T, d]
            pooled = torch.tanh(self.pooler(x[batch.starts]))  # [N, d]
        return EncoderOutput(x, pooled)

    def train(self, mode: bool = True) -> Self:
        """Switch dropout on or off; a frozen encoder never drops anything."""
        return super().train(mode and not self.frozen)


def initialise(module: nn.Module) -> None:
    """Draw BERT's initial weights: N(0, 0.02); biases and shifts are 0, layer norms scale by 1."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INITIAL_SPREAD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
