"""What the conformance kit asks of a head."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from mtbench.model.objectives import loss, predictions
from mtbench.testing.checks import (
    ANYTHING,
    CheckFailed,
    Checks,
    NotApplicable,
    Subject,
    require,
    unless_promised,
)
from mtbench.testing.head_trials import (
    EXAMPLES,
    WIDTH,
    Trial,
    leaves_of,
    name_of,
    offers,
    outputs_of,
    probed,
    reached_by,
    require_equal,
    shaken,
    trials,
)
from mtbench.testing.trials import (
    changed,
    require_one_device,
    require_reason,
    seeded_globally,
    untouched,
)

STEPS, RATE = 30, 1e-2  # of the small training

check = Checks("head")


def on_each(meaning: str, **options: Any) -> Callable[[Callable[[Trial], None]], object]:
    """Make a check of a function that looks at a head on one kind of task.

    It is called for every kind of task that the head takes; a failure names the kind.
    """

    def add(function: Callable[[Trial], None]) -> object:
        @wraps(function)
        def for_all(subject: Subject) -> None:
            for trial in trials(subject):
                try:
                    function(trial)
                except CheckFailed as failure:
                    raise CheckFailed(f"{failure} ({trial.name})") from None

        return check(meaning, **options)(for_all)

    return add


@check(
    "it refuses a task with a reason in one line, and raises nothing",
    inapplicable=lambda subject: None if subject.spec.rejects else "it refuses nothing",
)
def refuses_with_a_reason(subject: Subject) -> None:
    """Offer single sentences and pairs, separate and joined, with classes and scores."""
    for _, reason in offers(subject):
        require_reason(reason)


@on_each(
    "it takes what it does not refuse, and gives [B, classes] logits, or [B]; of one example too",
    basic=True,
)
def shapes(trial: Trial) -> None:
    """Try B = 1 in training mode too: the last batch of an epoch may be of one."""
    try:
        made = trial.build()(*trial.embeddings())
    except ANYTHING as error:  # whatever a stranger's head raises
        made = f"{type(error).__name__}: {error}"
    require(isinstance(made, Tensor), f"{trial.name} to be refused, or taken", made)
    for width in (WIDTH, 24):
        head = trial.build(width=width)
        for training, examples in ((True, 1), (False, 1), (False, EXAMPLES)):
            embeddings = trial.embeddings(examples, width=width)
            came = list(outputs_of(head.train(training), embeddings).shape)
            shape = trial.shape(examples)
            require(came == shape, f"shape {shape} at width {width}", came)


@on_each(
    'with output = "unit", it takes scores only, and 1 is the top of what it gives',
    inapplicable=lambda subject: 'its output is "task"' if subject.spec.output == "task" else None,
)
def unit_outputs(trial: Trial) -> None:
    """Look at random embeddings; a unit that is passed predicts scores beyond the range."""
    require(
        trial.info.score_range is not None,
        'a head with output = "unit" to refuse what is no score',
        "one that takes another",
    )
    largest = float(outputs_of(trial.build().eval(), trial.embeddings(50)).abs().max())
    require(largest <= 1 + 1e-5, "outputs in [-1, 1]", f"one of {largest:.3g}")


@on_each("outputs and gradients are finite, on embeddings of zeros and on equal ones too")
def finite_numbers(trial: Trial) -> None:
    """Look at the batches at which norms and divisions go wrong."""
    for name, batch in trial.batches().items():
        head, leaves = trial.build(), leaves_of(batch)
        outputs = head(*leaves)
        require(outputs.isfinite().all(), f"finite outputs on {name}", outputs.tolist())
        require(outputs.requires_grad, "outputs that can be differentiated", "others")
        probed(outputs).backward()
        named = {f"sentence {place}": leaf for place, leaf in enumerate(leaves, 1)}
        infinite = [
            name
            for name, tensor in (named | dict(head.named_parameters())).items()
            if tensor.grad is not None and not tensor.grad.isfinite().all()
        ]
        came = f"others in {', '.join(infinite)}"
        require(not infinite, f"finite gradients on {name}", came)


@on_each("in evaluation mode an output depends on its example alone, and embeddings stay as given")
def examples_apart(trial: Trial) -> None:
    """Compare a batch with its examples one by one, in another order, and once more.

    What drops, draws, remembers a batch or looks at the other examples shows.
    """
    order = torch.tensor([3, 0, 5, 1, 6, 4, 2])
    head, batch = trial.build(dropout=0.5).eval(), trial.embeddings()
    with untouched():
        first = outputs_of(head, batch)
    same = all(map(torch.equal, batch, trial.embeddings()))
    require(same, "the embeddings as they were, which other heads may share", "changed ones")
    alone = [outputs_of(head, [u[i : i + 1] for u in batch]) for i in range(EXAMPLES)]
    require_equal(torch.cat(alone), first, "an example's output alone as among others")
    permuted = outputs_of(head, [u[order] for u in batch])
    require_equal(permuted, first[order], "outputs in the batch's order")
    require_equal(outputs_of(head, batch), first, "the same outputs of the same batch")


@check(
    "swapping the two sentences of a pair changes nothing",
    inapplicable=unless_promised("symmetric"),
)
def symmetric(subject: Subject) -> None:
    """Swap the embeddings of separate pairs, at weights that training may lead to."""
    pairs = [trial for trial in trials(subject) if trial.count == 2]
    require(pairs, "a head that promises 'symmetric' to take separate pairs", "refusals of all")
    for trial in pairs:
        head = shaken(trial.build()).eval()
        u, v = trial.embeddings()
        require_equal(outputs_of(head, [v, u]), outputs_of(head, [u, v]), "f(v, u) = f(u, v)")


@on_each("the gradient reaches every sentence of an example, and every parameter that is trained")
def reaches_everything(trial: Trial) -> None:
    """Look at embeddings that are at acute angles, for relu's sake."""
    head = shaken(trial.build())
    leaves = leaves_of([u.abs() for u in trial.embeddings()])
    probed(head(*leaves)).backward()
    for index, leaf in enumerate(leaves, 1):
        reached = leaf.grad is not None and leaf.grad.any()
        require(reached, f"a gradient in sentence {index}", "none")
    for name, parameter in head.named_parameters():
        unreached = parameter.requires_grad and parameter.grad is None
        require(not unreached, f"a gradient in {name!r}", "none")


@on_each("gradients go to its own parameters and the embeddings, and nowhere else")
def leaves_no_foreign_gradients(trial: Trial) -> None:
    """Walk the graph of the outputs to its leaves; forward must leave a gradient nowhere."""
    head, leaves = trial.build(), leaves_of(trial.embeddings())
    outputs = head(*leaves)
    filled = [name for name, p in head.named_parameters() if p.grad is not None]
    require(not filled, "no gradient before the backward pass", f"one in {filled}")
    own = {id(tensor) for tensor in (*leaves, *head.parameters())}
    foreign = [t for t in reached_by(outputs) if id(t) not in own]
    came = ", ".join(name_of(tensor, type(head).__module__) for tensor in foreign)
    require(not foreign, "gradients in its own parameters only", f"some in {came}")


@on_each("a few steps of gradient descent lower its loss")
def learns(trial: Trial) -> None:
    """Learn what the same head gives at other weights, on a handful of examples.

    Such labels are within reach of any head, however few its parameters. The lowest loss counts,
    since a step may be too long for a head that starts close by.
    """
    student, batch, spec = trial.build(), trial.embeddings(), trial.subject.spec
    if not any(parameter.requires_grad for parameter in student.parameters()):
        raise NotApplicable("it has no parameters")
    outputs = outputs_of(shaken(trial.build(), by=0.5), batch)
    labels = predictions(trial.info, spec.output, outputs)
    optimizer = torch.optim.Adam(student.parameters(), lr=RATE)
    losses = []
    for step in range(STEPS + 1):
        value = loss(trial.info, spec.output, student(*batch), labels)
        came = f"{value.item()} at step {step + 1}"
        require(value.isfinite(), f"a finite loss of the head {spec.name!r}", came)
        losses.append(value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    came = f"{losses[0]:.4g} at first, {min(losses):.4g} at best"
    falls = min(losses) < 0.9 * losses[0]
    require(falls, f"a loss that falls by a tenth or more in {STEPS} steps", came)


@on_each("the same seed gives the same first weights, which torch's generator gives")
def same_seed_same_weights(trial: Trial) -> None:
    """Build it with Python's and numpy's generators in different states."""
    states = []
    for elsewhere in (0, 1):
        with seeded_globally(elsewhere):
            states.append(trial.build(guard=untouched(but_torch=True)).state_dict())
    others = changed(*states)
    require(not others, "the same first weights of the same seed", f"others in {others}")


@on_each("the heads of two tasks have no parameter or buffer in common")
def shares_nothing(trial: Trial) -> None:
    first, state = (trial.build(seed=seed).state_dict() for seed in (0, 1))
    places = {tensor.data_ptr() for tensor in first.values()}
    common = [name for name, tensor in state.items() if tensor.data_ptr() in places - {0}]
    require(not common, "tensors of its own for each head", f"{', '.join(common)} of another")


@on_each("saved and loaded into another, it gives the same outputs")
def save_and_load(trial: Trial) -> None:
    """Take its weights through safetensors, the format of stored runs."""
    head, batch = shaken(trial.build()).eval(), trial.embeddings()
    state = {name: tensor.contiguous() for name, tensor in head.state_dict().items()}
    loaded = trial.build(seed=1).eval()
    loaded.load_state_dict(load(save(state)))
    require_equal(outputs_of(loaded, batch), outputs_of(head, batch), "the same outputs")


@on_each("in training mode torch's generator alone is drawn from, and at rate 0 nothing dropped")
def dropout(trial: Trial) -> None:
    """A head without dropout passes: no check can tell it from one that forgot it."""
    batch = trial.embeddings()
    with untouched(but_torch=True):
        outputs_of(trial.build(dropout=0.5), batch)
    head = shaken(trial.build())
    first = outputs_of(head, batch)
    require_equal(outputs_of(head, batch), first, "no dropout at rate 0")


@on_each("under bfloat16 autocast it trains")
def bfloat16(trial: Trial) -> None:
    """Give it embeddings in float32 and in bfloat16: an encoder under autocast gives either."""
    for dtype in (torch.float32, torch.bfloat16):
        head, leaves = trial.build(), leaves_of([u.to(dtype) for u in trial.embeddings()])
        with torch.autocast("cpu", torch.bfloat16):
            outputs = head(*leaves)
        require(outputs.isfinite().all(), f"finite outputs of {dtype}", outputs.tolist())
        probed(outputs.float()).backward()
        finite = all(leaf.grad.isfinite().all() for leaf in leaves if leaf.grad is not None)
        require(finite, f"finite gradients of {dtype}", "some that are not finite")


@on_each("it goes where its weights and embeddings are")
def follows_the_device(trial: Trial) -> None:
    """Move it to torch's device without numbers, and to CUDA where that is."""
    require_one_device(partial(_on, "meta", trial))
    if torch.cuda.is_available():
        came = _on("cuda", trial)
        require(came.is_cuda, "outputs on the embeddings' device", came.device)
        require_equal(came.cpu(), _on("cpu", trial), "the same outputs on CUDA")


def _on(device: str, trial: Trial) -> Tensor:
    return outputs_of(trial.build().eval().to(device), [u.to(device) for u in trial.embeddings()])
