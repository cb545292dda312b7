"""What the conformance kit asks of an encoder: its states, gradients and weights."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import get_args

import torch
from safetensors.torch import load, save
from torch import Tensor

from mtbench.components.entries import load_target
from mtbench.gradients.accumulators import BrokenSegments
from mtbench.gradients.jacobian import ParameterGradients, as_matrix
from mtbench.gradients.segments import Segments
from mtbench.model.batching import ragged
from mtbench.protocols import EncoderOutput, Pooling, Tokens
from mtbench.testing import tokenizers
from mtbench.testing.checks import NotApplicable, Subject, fail, require
from mtbench.testing.encoder_trials import (
    PARTS,
    Encoder,
    batch,
    build,
    loss,
    part,
    require_close,
    require_finite,
    sequences,
    states,
    trained,
)
from mtbench.testing.processes import ask
from mtbench.testing.trials import (
    changed,
    ordinary_cell,
    require_reason,
    seeded_globally,
    untouched,
)

check = tokenizers.check  # these come behind those of tokenizers

TENSORS = ("ids", "types", "positions", "starts")
"""Of a batch; what else it has cannot be changed."""

OTHER_DEVICE = 1e-3
"""How far states may be apart on two devices."""

TOLERANCE = 1e-4
"""How far float32 gradients may be apart, by the largest of their numbers."""

NEGLIGIBLE = 1e-2
"""Share of the largest gradient of all parameters below which one counts as that large."""


@check(
    "it says its width and pooling, and gives float32 tokens [T, width] and pooled [N, width]",
    basic=True,
)
def states_have_their_shapes(subject: Subject) -> None:
    encoder, sentences = build(subject), batch(subject)
    width, pooling = getattr(encoder, "width", None), getattr(encoder, "pooling", None)
    require(type(width) is int and width > 0, "a width, an int above 0", repr(width))
    poolings = get_args(Pooling)
    require(pooling in poolings, f"a pooling among {', '.join(poolings)}", repr(pooling))
    for training in (False, True):
        output = encoder.train(training)(sentences)
        pair = isinstance(output, tuple) and len(output) == 2
        require(pair, "an EncoderOutput", type(output).__name__)
        rows = {"tokens": len(sentences.ids), "pooled": len(sentences.lengths)}
        for (name, count), tensor in zip(rows.items(), output, strict=True):
            shape, expected = list(tensor.shape), [count, width]
            require(shape == expected, f"{name} of shape {expected}", shape)
            require(tensor.dtype == torch.float32, f"{name} of torch.float32", tensor.dtype)
        require_finite(
            EncoderOutput(*output), f"in {'training' if training else 'evaluation'} mode"
        )


@check("a sequence has the same states alone, beside longer ones and in another order")
def padding_changes_nothing(subject: Subject) -> None:
    """Take one of a single token, too."""
    encoder, items = build(subject), sequences(subject)
    items.append(Tokens(list(items[0].ids)[:1], list(items[0].types)[:1]))
    alone = [states(encoder, ragged([tokens])) for tokens in items]
    for order in (list(range(7)), [3, 0, 6, 5, 1, 4, 2]):
        sentences = ragged([items[index] for index in order])
        together = states(encoder, sentences)
        for place, index in enumerate(order):
            what = f"the states that sequence {index} has alone"
            require_close(part(together, sentences, place), alone[index], what)


@check("in evaluation mode the same batch has the same states: nothing is dropped or drawn")
def evaluation_is_deterministic(subject: Subject) -> None:
    encoder, sentences = build(subject), batch(subject)
    came = []
    for seed in (1, 2):
        with seeded_globally(seed):
            came.append(states(encoder, sentences))
    require_close(came[1], came[0], "the same states twice", tolerance=0.0)


@check("a pass leaves its batch, weights, buffers and generators as they were, and later states")
def a_pass_changes_nothing(subject: Subject) -> None:
    """Training may draw from torch's generator, and must not seed it."""
    encoder, sentences, before = build(subject), batch(subject), batch(subject)
    weights = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with untouched():
        first = states(encoder, sentences)
    with untouched(but_torch=True):
        encoder.train()(sentences)
    require_close(
        states(encoder.eval(), batch(subject)), first, "the states of before a pass", 0.0
    )
    others = changed(weights, encoder.state_dict())
    require(not others, "weights as they were before a pass", f"others in {others}")
    tensors, copies = ({n: getattr(b, n) for n in TENSORS} for b in (sentences, before))
    others = changed(copies, tensors)
    require(not others, "a batch as it was", f"other {others}")


@check("it works under torch's autocast to bfloat16, forwards and backwards")
def works_in_bfloat16(subject: Subject) -> None:
    encoder, sentences = build(subject), batch(subject)
    with torch.autocast("cpu", torch.bfloat16):
        output = EncoderOutput(*encoder(sentences))
    require_finite(output, "in bfloat16")
    if output.tokens.requires_grad:
        loss(EncoderOutput(*(tensor.float() for tensor in output)), sentences.lengths).backward()


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


@check("a loss of tokens and pooled states has a finite gradient at every trained parameter")
def gradient_reaches_every_parameter(subject: Subject) -> None:
    for training in (False, True):
        encoder, sentences = build(subject).train(training), batch(subject)
        parameters = trained(encoder)
        loss(EncoderOutput(*encoder(sentences)), sentences.lengths).backward()
        missed = [name for name, p in parameters.items() if p.grad is None or not p.grad.any()]
        expected = "a gradient at every trained parameter"
        require(training or not missed, expected, f"none at {', '.join(missed)}")
        strange = [
            name
            for name, p in parameters.items()
            if p.grad is not None and not p.grad.isfinite().all()
        ]
        require(not strange, "finite gradients", f"others at {', '.join(strange)}")


@check("segments: one pass gives each task the gradients that it has by itself")
def segments_equal_tasks_in_turn(subject: Subject) -> None:
    encoder, items = build(subject), sequences(subject)
    if not getattr(encoder, "segments", False):
        raise NotApplicable("it declares no segments")
    parameters = trained(encoder)
    bounds = pairwise((0, *accumulate(PARTS.values())))
    in_turn = [_gradients(encoder, items[start:end]) for start, end in bounds]
    try:
        together = as_matrix(_segments(encoder, items))
    except BrokenSegments as error:
        fail("segments that hold what they promise", str(error))
    sizes = [parameter.numel() for parameter in parameters.values()]
    for task, gradient, gradient_alone in zip(PARTS, together, in_turn, strict=True):
        # Of the bias of an attention's keys, say, a gradient is rounding and nothing else.
        least = NEGLIGIBLE * float(gradient_alone.abs().max())
        parts = zip(parameters, gradient.split(sizes), gradient_alone.split(sizes), strict=True)
        for name, came, expected in parts:
            size = max(float(expected.abs().max()), least)
            apart = float((came - expected).abs().max())
            what = f"the gradient of {task} alone at {name}, of up to {size:.1e}"
            require(apart <= TOLERANCE * size, what, f"one that is {apart:.1e} apart")


def _gradients(encoder: Encoder, items: list[Tokens]) -> Tensor:
    """Return the gradient [n] of some sequences' loss by autograd."""
    parameters, sentences = list(trained(encoder).values()), ragged(items)
    value = loss(EncoderOutput(*encoder(sentences)), sentences.lengths)
    gradients = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in gradients])


def _segments(encoder: Encoder, items: list[Tokens]) -> list[ParameterGradients]:
    """Return the gradients of three tasks from one pass over their sequences."""
    segments = Segments(encoder)
    sentences = ragged(items, list(PARTS.values()))
    segments.begin(list(PARTS))
    with segments.recording(sentences, list(PARTS)):
        output = EncoderOutput(*encoder(sentences))
    loss(output, sentences.lengths).backward()
    return segments.gradients()


@check("the same seed gives the same first weights, which torch's generator alone gives")
def same_seed_same_weights(subject: Subject) -> None:
    first = build(subject, seed=3, guard=untouched(but_torch=True)).state_dict()
    with seeded_globally(5):
        others = changed(first, build(subject, seed=3).state_dict())
    require(not others, "the same weights from the same seed", f"others in {others}")


@check("weights that are saved and loaded into another encoder give the same states")
def weights_survive_a_round_trip(subject: Subject) -> None:
    """Take them through safetensors, the format of stored runs, from another seed."""
    encoder, sentences = build(subject), batch(subject)
    loaded = build(subject, seed=1)
    state = {name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}
    loaded.load_state_dict(load(save(state)))
    came, expected = states(loaded, sentences), states(encoder, sentences)
    require_close(came, expected, "the states of the weights saved", tolerance=0.0)


@check(
    "the fingerprint of its weights is a text, the same in every process, and needs no torch",
    inapplicable=lambda subject: (
        None if subject.spec.fingerprint is not None else "its weights have no fingerprint"
    ),
)
def fingerprint_needs_no_torch(subject: Subject) -> None:
    """Leave out what the hook's module imports: a plugin of one file has its network there."""
    target = subject.spec.fingerprint
    here = load_target(subject.entry, target)(subject.parameters)
    require(isinstance(here, str) and here, "a fingerprint that is a text", repr(here))
    there = ask(subject, "made", target=target, hash_seed=tokenizers.HASH_SEED)
    require(there.value == here, f"the fingerprint {here} in every process", there.value)
    require(
        not there.torch, "no import of torch, as planning must not", "one, for the fingerprint"
    )


@check(
    "of an ordinary cell `rejects` and `caveat` give a reason or None; a caveat may be several",
    inapplicable=lambda subject: (
        None
        if subject.spec.rejects or subject.spec.caveat
        else "it rejects no cell, and has no caveat"
    ),
)
def rejects_with_a_reason(subject: Subject) -> None:
    cell, spec = ordinary_cell(subject), subject.spec
    if spec.rejects is not None:
        require_reason(spec.rejects(cell))
    if spec.caveat is not None:
        remarks = spec.caveat(cell)
        for remark in remarks if isinstance(remarks, list | tuple) else [remarks]:
            require_reason(remark, "caveat")
