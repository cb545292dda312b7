"""Checks of heads: where gradients go, and that they teach it something."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtbench.model.objectives import loss
from mtbench.testing.checks import ANYTHING, Checks, Subject, fail, require
from mtbench.testing.head_trials import Trial, outputs_of, probed, shaken, trials

STEPS, RATE = 30, 1e-2  # of the small training

check = Checks("head")


def _no_parameters(subject: Subject) -> str | None:
    try:
        heads = [trial.build() for trial in trials(subject)]
    except ANYTHING:  # the check itself meets it, and tells
        return None
    trained = any(p.requires_grad for head in heads for p in head.parameters())
    return None if trained else "it has no parameters"


@check("its gradients are finite, on embeddings of zeros and on equal ones too")
def finite_gradients(subject: Subject) -> None:
    """Differentiate at the points where norms and divisions go wrong."""
    for trial in trials(subject):
        for name, batch in trial.batches().items():
            head, leaves = trial.build(), _leaves(batch)
            _differentiate(head, leaves)
            gradients = [t.grad for t in (*leaves, *head.parameters()) if t.grad is not None]
            if not all(gradient.isfinite().all() for gradient in gradients):
                fail(f"finite gradients on {name} ({trial.name})", "some that are not finite")


@check("the gradient reaches every sentence of an example")
def reaches_every_sentence(subject: Subject) -> None:
    """Ask for a gradient of some example; the embeddings are at acute angles, for relu's sake."""
    for trial in trials(subject):
        leaves = _leaves([u.abs() for u in trial.embeddings()])
        _differentiate(shaken(trial.build()), leaves)
        for index, leaf in enumerate(leaves, 1):
            if leaf.grad is None or not leaf.grad.any():
                fail(f"a gradient in sentence {index} ({trial.name})", "none")


@check("every parameter that is trained gets a gradient", inapplicable=_no_parameters)
def reaches_every_parameter(subject: Subject) -> None:
    """Look for parameters that no path of the forward pass leads to."""
    for trial in trials(subject):
        head = shaken(trial.build())
        _differentiate(head, _leaves(trial.embeddings()))
        for name, parameter in head.named_parameters():
            if parameter.requires_grad and parameter.grad is None:
                fail(f"a gradient in {name!r} ({trial.name})", "none")


@check("gradients go to its own parameters and the embeddings, and nowhere else")
def leaves_no_foreign_gradients(subject: Subject) -> None:
    """Walk the graph of the outputs to its leaves, and look at every parameter that there is.

    Forward must leave a gradient nowhere, and backward in no parameter of someone else's: a
    hook could write one that no graph shows.
    """
    for trial in trials(subject):
        head, leaves = trial.build(), _leaves(trial.embeddings())
        before = _Gradients.of_others(head)
        outputs = head(*leaves)
        filled = [name for name, p in head.named_parameters() if p.grad is not None]
        require(not filled, "no gradient before the backward pass", f"one in {filled}")
        before.require_kept("forward")
        own = {id(tensor) for tensor in (*leaves, *head.parameters())}
        foreign = [t for t in _leaves_of_graph(outputs) if id(t) not in own]
        shapes = ", ".join(str(list(tensor.shape)) for tensor in foreign)
        require(not foreign, "gradients in its own parameters only", f"some in others: {shapes}")
        probed(outputs).backward()
        before.require_kept("backward")


@check("a few steps of gradient descent lower its loss", inapplicable=_no_parameters)
def learns(subject: Subject) -> None:
    """Learn what the same head gives at other weights, on a handful of examples.

    Such labels are within reach of any head, however few its parameters. The lowest loss counts,
    since a step may be too long for a head that starts close by.
    """
    for trial in trials(subject):
        student = trial.build()
        if not any(p.requires_grad for p in student.parameters()):
            continue
        batch = trial.embeddings()
        labels = _labels(trial, outputs_of(shaken(trial.build(), by=0.5), batch))
        losses = _train(trial, student, batch, labels)
        expected = f"a loss that falls by a tenth or more in {STEPS} steps ({trial.name})"
        came = f"{losses[0]:.4g} at first, {min(losses):.4g} at best"
        require(min(losses) < 0.9 * losses[0], expected, came)


@dataclass(frozen=True)
class _Gradients:
    """The gradients of all parameters in this process that are not a head's, as they once were.

    Attributes:
        kept: each parameter, its gradient, and how often that had been written to.
    """

    kept: Sequence[tuple[nn.Parameter, Tensor | None, int]]

    @classmethod
    def of_others(cls, head: nn.Module) -> _Gradients:
        own = {id(parameter) for parameter in head.parameters()}
        others = [
            each
            for each in gc.get_objects()
            if issubclass(type(each), nn.Parameter) and id(each) not in own
        ]
        return cls([(p, p.grad, _writes(p.grad)) for p in others])

    def require_kept(self, when: str) -> None:
        changed = [
            str(list(parameter.shape))
            for parameter, gradient, writes in self.kept
            if parameter.grad is not gradient or _writes(gradient) != writes
        ]
        expected = f"{when} to leave the gradients of other parameters as they were"
        require(not changed, expected, f"others, of shapes {', '.join(changed)}")


def _writes(gradient: Tensor | None) -> int:
    """Return how often a tensor was written to, as torch counts it."""
    return 0 if gradient is None else gradient._version


def _leaves(batch: Sequence[Tensor]) -> list[Tensor]:
    return [u.clone().requires_grad_() for u in batch]


def _differentiate(head: nn.Module, leaves: Sequence[Tensor]) -> None:
    outputs = head(*leaves)
    require(outputs.requires_grad, "outputs that can be differentiated", "some that cannot")
    probed(outputs).backward()


def _leaves_of_graph(outputs: Tensor) -> list[Tensor]:
    """Return the tensors in which a backward pass would leave a gradient."""
    found: list[Tensor] = []
    seen, pending = set(), [outputs.grad_fn]
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        pending += [next_node for next_node, _ in node.next_functions]
    return found


def _labels(trial: Trial, outputs: Tensor) -> Tensor:
    """Return the labels that would make outputs right."""
    info = trial.info
    if info.loss == "cross-entropy":
        return outputs.argmax(dim=1).float()
    if info.loss == "binary-cross-entropy":
        return (outputs > 0).float()
    if trial.subject.spec.output == "task":
        return outputs
    assert info.score_range is not None  # TaskInfo checks it for squared error
    low, high = info.score_range
    return low + outputs * (high - low)


def _train(trial: Trial, head: nn.Module, batch: Sequence[Tensor], labels: Tensor) -> list[float]:
    """Train a head, and return its loss before each step and after the last."""
    optimizer = torch.optim.Adam(head.parameters(), lr=RATE)
    losses = []
    for _ in range(STEPS + 1):
        value = loss(trial.info, trial.subject.spec.output, head(*batch), labels)
        losses.append(value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return losses
