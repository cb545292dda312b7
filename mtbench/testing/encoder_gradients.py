"""What the conformance kit asks of an encoder's gradients, and of segments where it has them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from mtbench.gradients.jacobian import ParameterGradients
from mtbench.gradients.layers import BrokenSegments
from mtbench.gradients.segments import Segments
from mtbench.model.batching import ragged
from mtbench.protocols import EncoderOutput, Tokens
from mtbench.testing.checks import ANYTHING, Checks, Subject, fail, require
from mtbench.testing.encoder_trials import (
    PARTS,
    Encoder,
    batch,
    build,
    loss,
    require_close,
    sequences,
    states,
    trained,
)

check = Checks("encoder")

TOLERANCE = 1e-4
"""How far float32 gradients may be apart, by the largest of their numbers."""

NEGLIGIBLE = 1e-2
"""Share of the largest gradient of all parameters below which one counts as that large."""


def _nothing_trained(subject: Subject) -> str | None:
    try:
        parameters = trained(build(subject))
    except ANYTHING:
        return None  # the check itself meets the error
    return None if parameters else "it has no parameter that is trained"


def _no_segments(subject: Subject) -> str | None:
    try:
        declared = getattr(build(subject), "segments", False)
    except ANYTHING:
        return None  # the check itself meets the error
    return _nothing_trained(subject) if declared else "it declares no segments"


@check(
    "a loss of tokens and pooled states has a gradient at every trained parameter",
    inapplicable=_nothing_trained,
)
def gradient_reaches_every_parameter(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    loss(EncoderOutput(*encoder(given)), given.lengths).backward()
    missed = [name for name, p in trained(encoder).items() if p.grad is None or not p.grad.any()]
    require(not missed, "a gradient at every trained parameter", f"none at {', '.join(missed)}")


@check("gradients are finite, in evaluation and in training mode", inapplicable=_nothing_trained)
def gradients_are_finite(subject: Subject) -> None:
    for training in (False, True):
        encoder, given = build(subject).train(training), batch(subject)
        loss(EncoderOutput(*encoder(given)), given.lengths).backward()
        strange = [
            name
            for name, p in trained(encoder).items()
            if p.grad is not None and not p.grad.isfinite().all()
        ]
        require(not strange, "finite gradients", f"others at {', '.join(strange)}")


@check(
    "a sequence's loss has the same gradients alone and beside others",
    inapplicable=_nothing_trained,
)
def gradients_add_up(subject: Subject) -> None:
    encoder, items = build(subject), sequences(subject)
    together = _gradients(encoder, items)
    alone = [_gradients(encoder, [tokens]) for tokens in items]
    largest = _largest(together.values())
    for name, gradient in together.items():
        expected = sum((one[name] for one in alone), torch.zeros_like(gradient))
        _require_near(
            gradient, expected, largest, f"the sum of the sequences' own gradients at {name}"
        )


@check("parameters that are not to be trained get no gradient, and change no state")
def respects_frozen_parameters(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    expected = states(encoder, given)
    names = [name for name, _ in encoder.named_parameters()]
    for frozen in (set(names[::2]), set(names)):
        encoder.zero_grad()
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(name not in frozen)
        output = EncoderOutput(*encoder.train()(given))
        if frozen == set(names):
            moved = output.tokens.requires_grad or output.pooled.requires_grad
            require(not moved, "states without a gradient where all is frozen", "others")
        elif output.tokens.requires_grad:
            loss(output, given.lengths).backward()
        thawed = [
            name
            for name, p in encoder.named_parameters()
            if name in frozen and (p.requires_grad or p.grad is not None)
        ]
        require(not thawed, "no gradient at frozen parameters", f"one at {', '.join(thawed)}")
    require_close(states(encoder.eval(), given), expected, "the same states when frozen")


@check(
    "segments: one pass gives each task the gradients that it has by itself",
    inapplicable=_no_segments,
)
def segments_equal_tasks_in_turn(subject: Subject) -> None:
    encoder, items = build(subject), sequences(subject)
    bounds = list(pairwise((0, *accumulate(PARTS.values()))))
    in_turn = [_gradients(encoder, items[a:b]) for a, b in bounds]
    try:
        records = _segments(encoder, items)
    except BrokenSegments as error:
        fail("segments that hold what they promise", str(error))
    for (name, parameter), record in zip(trained(encoder).items(), records, strict=True):
        for place, task in enumerate(PARTS):
            came = _full(record, place, parameter)
            largest = _largest(in_turn[place].values())
            expected = in_turn[place][name]
            _require_near(came, expected, largest, f"the gradient of {task} alone at {name}")


def _gradients(encoder: Encoder, items: list[Tokens]) -> dict[str, Tensor]:
    """Return the gradients of some sequences' loss by autograd, zeros where there is none."""
    parameters = trained(encoder)
    given = ragged(items)
    value = loss(EncoderOutput(*encoder(given)), given.lengths)
    found = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    return {
        name: torch.zeros_like(p) if gradient is None else gradient
        for (name, p), gradient in zip(parameters.items(), found, strict=True)
    }


def _segments(encoder: Encoder, items: list[Tokens]) -> list[ParameterGradients]:
    """Return the gradients of three tasks from one pass over their sequences."""
    segments = Segments(encoder)
    given = ragged(items, list(PARTS.values()))
    segments.begin(list(PARTS))
    with segments.recording(given, list(PARTS)):
        output = EncoderOutput(*encoder(given))
    loss(output, given.lengths).backward()
    return segments.gradients()


def _full(record: ParameterGradients, place: int, parameter: Tensor) -> Tensor:
    """Return one task's gradient of a whole parameter, zeros where it does not use it."""
    gradient = record.gradients[place]
    if gradient is None or record.rows is None:
        return torch.zeros_like(parameter) if gradient is None else gradient
    full = torch.zeros_like(parameter)
    full[record.rows] = gradient
    return full


def _require_near(came: Tensor, expected: Tensor, largest: float, what: str) -> None:
    """Fail unless two gradients of a parameter are equal up to rounding.

    Args:
        largest: number of the gradients of all parameters: where it is far above those of this
            one (the bias of an attention's keys, say), these are rounding and nothing else.
    """
    own = float(expected.detach().abs().max())
    apart = float((came - expected).detach().abs().max())
    near = apart <= TOLERANCE * max(own, NEGLIGIBLE * largest)
    require(near, f"{what}, of up to {own:.1e}", f"one that is {apart:.1e} apart")


def _largest(gradients: Iterable[Tensor]) -> float:
    return max(float(gradient.detach().abs().max()) for gradient in gradients)
