"""What the conformance kit asks of an encoder's weights, and of what it says of them."""

import io

import torch

from mtbench.components.entries import load_target
from mtbench.testing.cells import ordinary_cell, require_reason, require_remarks
from mtbench.testing.checks import Checks, Subject, require
from mtbench.testing.encoder_trials import batch, build, require_close, same_state, states
from mtbench.testing.generators import seeded_globally, untouched
from mtbench.testing.processes import ask, module_of

check = Checks("encoder")

NOISE = 0.01
"""Standard deviation of what is added to weights before they are saved."""


@check("the same seed gives the same first weights, drawn with torch's generator alone")
def same_seed_same_weights(subject: Subject) -> None:
    with untouched():
        first = build(subject, seed=3).state_dict()
    with seeded_globally(5):
        second = build(subject, seed=3).state_dict()
    others = same_state(first, second)
    require(not others, "the same weights from the same seed", f"others in {', '.join(others)}")


@check("weights that are saved and loaded into another encoder give the same states")
def weights_survive_a_round_trip(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=NOISE)
    file = io.BytesIO()
    torch.save(encoder.state_dict(), file)
    file.seek(0)
    other = build(subject, seed=1)
    other.load_state_dict(torch.load(file, weights_only=True))
    require_close(
        states(other, given),
        states(encoder, given),
        "the states of the weights saved",
        tolerance=0.0,
    )


@check("a pass changes no weight and no buffer")
def a_pass_changes_no_weight(subject: Subject) -> None:
    encoder, given = build(subject), batch(subject)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    for training in (False, True):
        encoder.train(training)(given)
        others = same_state(before, encoder.state_dict())
        require(not others, "weights as they were before a pass", f"others in {', '.join(others)}")


def _says_nothing_of_its_weights(subject: Subject) -> str | None:
    return None if subject.spec.fingerprint is not None else "its weights have no fingerprint"


@check(
    "the fingerprint of its weights is a text, and the same in every process",
    inapplicable=_says_nothing_of_its_weights,
)
def fingerprint_is_stable(subject: Subject) -> None:
    target = subject.spec.fingerprint
    here = load_target(subject.entry, target)(subject.parameters)
    require(isinstance(here, str) and here, "a fingerprint that is a text", repr(here))
    there = ask(subject, "made", target=target, hash_seed=1).value
    require(there == here, f"the fingerprint {here} in every process", there)


def _comes_with_the_encoder(subject: Subject) -> str | None:
    reason = _says_nothing_of_its_weights(subject)
    if reason is not None:
        return reason
    spec = subject.spec
    together = module_of(spec.fingerprint) == module_of(spec.target)
    return "it lies in the encoder's module, which needs torch" if together else None


@check(
    "the fingerprint does without torch, which planning must not import",
    inapplicable=_comes_with_the_encoder,
)
def fingerprint_needs_no_torch(subject: Subject) -> None:
    answer = ask(subject, "made", target=subject.spec.fingerprint)
    require(not answer.torch, "no import of torch", "one, for the fingerprint")


@check(
    "of an ordinary cell `rejects` and `caveat` give a reason or None; a caveat may be several",
    inapplicable=lambda subject: (
        None
        if subject.spec.rejects or subject.spec.caveat
        else "it rejects no cell, and has no caveat"
    ),
)
def rejects_with_a_reason(subject: Subject) -> None:
    cell = ordinary_cell(subject)
    if subject.spec.rejects is not None:
        require_reason(subject.spec.rejects(cell), "rejects")
    if subject.spec.caveat is not None:
        require_remarks(subject.spec.caveat(cell))
