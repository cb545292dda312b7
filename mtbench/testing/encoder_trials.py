"""Trials of an encoder: built from a seed, given a few sentences, its states compared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mtbench.components.entries import load_target
from mtbench.model.batching import ragged
from mtbench.model.model import seeded
from mtbench.protocols import EncoderOutput, RaggedBatch, Tokens
from mtbench.testing.checks import ANYTHING, NotApplicable, Subject, fail, require

TOLERANCE = 1e-5
"""How far states may be apart that should be equal, by their size where that is above 1."""

TEXTS: Sequence[tuple[str, ...]] = (
    ("a charming film",),
    ("although the plot is thin , the acting and the music are a delight from start to end .",),
    ("dull",),
    ("who wrote the letter ?", "by whom was the letter written ?"),
    ("a dog runs", "the man in the red coat bought a small boat near the harbour yesterday"),
    ("not bad at all .",),
)
"""Sentences and pairs of many lengths."""

PARTS = {"sst": 2, "pd": 3, "sts": 1}
"""How many of them are whose, where they stand for three tasks."""

Encoder = Any  # a module, with what protocols.Encoder says beside


def build(
    subject: Subject, seed: int = 0, *, guard: AbstractContextManager[None] | None = None
) -> Encoder:
    """Return a new encoder in evaluation mode, its first weights from a seed, as a run has it.

    Args:
        guard: around the call of the encoder's class.
    """
    target = subject.target()

    def make() -> nn.Module:
        with guard or nullcontext():
            encoder: nn.Module = target(subject.parameters)
        require(isinstance(encoder, nn.Module), "an nn.Module", type(encoder).__name__)
        return encoder

    return seeded(seed, "encoder", make).eval()


def tokenizer(subject: Subject) -> Any:
    """Return a new tokenizer."""
    return load_target(subject.entry, subject.spec.tokenizer)(subject.parameters)


def sequences(subject: Subject) -> list[Tokens]:
    """Return the sentences as token ids."""
    return list(tokenizer(subject).encode(list(TEXTS)))


def batch(subject: Subject) -> RaggedBatch:
    """Return the sentences as one batch of three tasks."""
    return ragged(sequences(subject), list(PARTS.values()))


def states(encoder: Encoder, sentences: RaggedBatch) -> EncoderOutput:
    """Return what an encoder gives, without gradients."""
    with torch.no_grad():
        return EncoderOutput(*encoder(sentences))


def part(output: EncoderOutput, sentences: RaggedBatch, index: int) -> EncoderOutput:
    """Return the states of one sequence."""
    start = sum(sentences.lengths[:index])
    return EncoderOutput(
        output.tokens[start : start + sentences.lengths[index]], output.pooled[index : index + 1]
    )


def require_close(
    came: EncoderOutput, expected: EncoderOutput, what: str, tolerance: float = TOLERANCE
) -> None:
    """Fail unless states are equal up to rounding, by their size where that is above 1."""
    for name, one, other in zip(("tokens", "pooled"), came, expected, strict=True):
        apart = float((one.double() - other.double()).abs().max() / other.abs().max().clamp(min=1))
        problem = f"{name} that are {apart:.1e} apart"
        require(apart <= tolerance, f"{what}, within {tolerance:g}", problem)


def require_finite(output: EncoderOutput, where: str) -> None:
    """Fail if a state is infinite or no number."""
    for name, tensor in zip(("tokens", "pooled"), output, strict=True):
        strange = int((~tensor.isfinite()).sum())
        require(not strange, f"finite states {where}", f"{strange} in {name} that are not")


def require_encodable(subject: Subject, encoded: Sequence[Tokens], what: str) -> None:
    """Fail unless the encoder takes the sequences."""
    try:
        output = states(build(subject), ragged(encoded))
    except ANYTHING as error:
        fail(f"an encoder that takes {what}", f"{type(error).__name__}: {error}")
    require_finite(output, f"of {what}")


def trained(encoder: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained, by name.

    Raises:
        NotApplicable: if there are none.
    """
    parameters = {name: p for name, p in encoder.named_parameters() if p.requires_grad}
    if not parameters:
        raise NotApplicable("it has no parameter that is trained")
    return parameters


def loss(output: EncoderOutput, lengths: Sequence[int]) -> Tensor:
    """Return a number that every state of every sequence takes part in, each in its own way.

    It is of a sequence by itself, so that the loss of several is the sum of theirs.

    Args:
        lengths: of the sequences.
    """
    generator = torch.Generator().manual_seed(0)
    width = output.pooled.shape[1]
    weights = torch.randn(3, width, generator=generator).to(output.pooled)
    places = torch.cat([torch.arange(length) for length in lengths]).to(output.tokens)
    tokens = output.tokens @ weights[0] + (output.tokens @ weights[1]) * (places + 1).cos()
    return tokens.sin().sum() + (output.pooled @ weights[2]).sum()
