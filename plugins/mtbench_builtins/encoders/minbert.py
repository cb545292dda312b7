"""minBERT: the encoder of Devlin et al. 2019 over ragged batches, in plain PyTorch.

Shapes beside the lines: N sequences and T tokens of a batch, width d. What a layer does to each
token is done to real tokens only; attention pads within groups of sequences of like length.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.api import EncoderOutput, Pooling, RaggedBatch
from mtbench_builtins.encoders import checkpoints, weights
from mtbench_builtins.encoders.attention import Layout, attend
from mtbench_builtins.encoders.checkpoints import Checkpoint
from mtbench_builtins.encoders.dropout import Dropout
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
        self.dropout = Dropout(shape.hidden_dropout)

    def forward(self, batch: RaggedBatch) -> Tensor:
        """Return the embedded tokens, [T, d]."""
        x = self.word(batch.ids) + self.segment(batch.types) + self.position(batch.positions)
        embedded: Tensor = self.dropout(self.norm(x))  # [T, d]
        return embedded


class SelfAttention(nn.Module):
    """Multi-head self-attention within each sequence (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.dropout = shape.attention_dropout
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.output = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Return what each token [T, d] gathers from its sequence, [T, d]."""
        rate = self.dropout if self.training else 0.0
        mixed: Tensor = self.output(attend(self.qkv(x), layout, rate))  # [T, d]
        return mixed


class Layer(nn.Module):
    """A transformer layer: attention, then a feed-forward net, each added and normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = SelfAttention(shape)
        self.attention_norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.intermediate = nn.Linear(shape.width, shape.intermediate)
        self.output = nn.Linear(shape.intermediate, shape.width)
        self.output_norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.dropout = Dropout(shape.hidden_dropout)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Return the next states of the tokens [T, d]."""
        x = self.attention_norm(self.dropout(self.attention(x, layout), residual=x))  # [T, d]
        hidden = F.gelu(self.intermediate(x))  # [T, intermediate], the exact gelu
        states: Tensor = self.output_norm(self.dropout(self.output(hidden), residual=x))  # [T, d]
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

    segments = True
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
        self.attention_heads = shape.attention_heads
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
            layout = Layout(batch, self.attention_heads)
            for layer in self.layers:
                x = layer(x, layout)  # [T, d]
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
