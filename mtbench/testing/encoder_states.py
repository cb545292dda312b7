"""What the conformance kit asks of an encoder's states: shapes, and what they depend on."""

from dataclasses import fields
from typing import Any, get_args

import torch

from mtbench.model.batching import ragged
from mtbench.protocols import EncoderOutput, Pooling, RaggedBatch, Tokens
from mtbench.testing.checks import Checks, Subject, require
from mtbench.testing.encoder_trials import (
    PARTS,
    batch,
    build,
    loss,
    part,
    require_close,
    require_finite,
    sequences,
    states,
)
from mtbench.testing.generators import seeded_globally, untouched

check = Checks("encoder")

OTHER_DEVICE = 1e-3
"""How far states may be apart on two devices."""


@check("it says its width, and a pooling that there is")
def declares_width_and_pooling(subject: Subject) -> None:
    encoder = build(subject)
    width, pooling = getattr(encoder, "width", None), getattr(encoder, "pooling", None)
    require(type(width) is int and width > 0, "a width, an int above 0", repr(width))
    known = get_args(Pooling)
    require(pooling in known, f"a pooling among {', '.join(known)}", repr(pooling))


@check("of T tokens in N sequences it gives tokens [T, width] and pooled [N, width]")
def states_have_their_shapes(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    output = encoder(given)
    require(
        isinstance(output, tuple) and len(output) == 2, "an EncoderOutput", type(output).__name__
    )
    rows = {"tokens": len(given.ids), "pooled": len(given.lengths)}
    for (name, count), tensor in zip(rows.items(), output, strict=True):
        expected = [count, encoder.width]
        require(list(tensor.shape) == expected, f"{name} of shape {expected}", list(tensor.shape))


@check("states are float32")
def states_are_float32(subject: Subject) -> None:
    for name, tensor in zip(
        ("tokens", "pooled"), states(build(subject), batch(subject)), strict=True
    ):
        require(tensor.dtype == torch.float32, f"{name} of torch.float32", tensor.dtype)


@check("states are finite, in evaluation and in training mode")
def states_are_finite(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    require_finite(states(encoder, given), "in evaluation mode")
    require_finite(states(encoder.train(), given), "in training mode")


@check("a sequence has the same states alone and beside longer ones")
def padding_changes_nothing(subject: Subject) -> None:
    encoder, items, given = build(subject), sequences(subject), batch(subject)
    together = states(encoder, given)
    for index, tokens in enumerate(items):
        alone = states(encoder, ragged([tokens]))
        require_close(
            part(together, given, index), alone, f"the states that sequence {index} has alone"
        )


@check("sequences in another order have the same states, in that order")
def order_changes_nothing(subject: Subject) -> None:
    encoder, items, given = build(subject), sequences(subject), batch(subject)
    expected = states(encoder, given)
    order = [3, 0, 5, 1, 4, 2]
    other = ragged([items[index] for index in order])
    came = states(encoder, other)
    for place, index in enumerate(order):
        require_close(
            part(came, other, place),
            part(expected, given, index),
            f"the states of sequence {index} in another order",
        )


@check("the parts of a batch, which say whose its sequences are, change no state")
def parts_change_nothing(subject: Subject) -> None:
    encoder, items = build(subject), sequences(subject)
    one_task = states(encoder, ragged(items))
    tasks = states(encoder, ragged(items, list(PARTS.values())))
    require_close(tasks, one_task, "the states of one task's batch in one of three tasks")


@check("sequences of one token are encoded")
def single_tokens_are_encoded(subject: Subject) -> None:
    encoder, items = build(subject), sequences(subject)
    single = Tokens(list(items[0].ids)[:1], list(items[0].types)[:1])
    require_finite(states(encoder, ragged([single, single])), "of sequences of one token")
    given = ragged([items[1], single])
    together, alone = states(encoder, given), states(encoder, ragged([single]))
    require_close(part(together, given, 1), alone, "the states that a single token has alone")


@check("it leaves its batch as it is")
def leaves_the_batch_alone(subject: Subject) -> None:
    encoder, given, before = build(subject), batch(subject), batch(subject)
    for training in (False, True):
        encoder.train(training)(given)
        changed = [
            field.name
            for field in fields(RaggedBatch)
            if not _equal(getattr(given, field.name), getattr(before, field.name))
        ]
        require(not changed, "a batch as it was", f"other {', '.join(changed)}")


@check("in evaluation mode the same batch has the same states: nothing is dropped")
def evaluation_is_deterministic(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    came = []
    for seed in (1, 2):
        with seeded_globally(seed):
            came.append(states(encoder, given))
    require_close(came[1], came[0], "the same states twice", tolerance=0.0)


@check("in evaluation mode it draws nothing from the global generators")
def evaluation_draws_nothing(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    with untouched():
        states(encoder, given)


@check("in training mode what is random comes from torch's generator")
def training_draws_from_torch(subject: Subject) -> None:
    given, came = batch(subject), []
    for seed in (1, 2):
        encoder = build(subject).train()
        with seeded_globally(seed):
            torch.manual_seed(7)  # as in both; Python's and numpy's generators are not
            came.append(states(encoder, given))
    require_close(came[1], came[0], "the same states from the same seed of torch", tolerance=0.0)


@check("a pass in training mode changes no later one in evaluation mode")
def training_leaves_no_trace(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    before = states(encoder, given)
    for _ in range(2):
        states(encoder.train(), given)
    after = states(encoder.eval(), given)
    require_close(after, before, "the states of before a pass in training mode", tolerance=0.0)


@check("it works under torch's autocast to bfloat16, forwards and backwards")
def works_in_bfloat16(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    with torch.autocast("cpu", torch.bfloat16):
        output = EncoderOutput(*encoder(given))
    require_finite(output, "in bfloat16")
    if output.tokens.requires_grad:
        loss(EncoderOutput(*(tensor.float() for tensor in output)), given.lengths).backward()


@check(
    "on a GPU it gives the states that it gives on the CPU",
    inapplicable=lambda _: None if torch.cuda.is_available() else "there is no CUDA device",
)
def moves_to_a_gpu(subject: Subject) -> None:
    encoder, items = build(subject), sequences(subject)
    expected = states(encoder, ragged(items))
    came = states(encoder.to("cuda"), ragged(items, device="cuda"))
    require(came.tokens.is_cuda and came.pooled.is_cuda, "states on the GPU", came.tokens.device)
    moved = EncoderOutput(*(tensor.cpu() for tensor in came))
    require_close(moved, expected, "the states of the CPU on the GPU", tolerance=OTHER_DEVICE)


def _equal(one: Any, other: Any) -> bool:
    return bool(one.equal(other)) if isinstance(one, torch.Tensor) else bool(one == other)
