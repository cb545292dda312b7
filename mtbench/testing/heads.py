"""What the conformance kit asks of a head."""

from __future__ import annotations

from functools import partial

import torch
from safetensors.torch import load, save
from torch import Tensor

from mtbench.objectives import loss
from mtbench.testing.checks import (
    ANYTHING,
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
    require_one_device,
    require_reason,
    seeded_globally,
    untouched,
)

STEPS, RATE = 30, 1e-2  # of the small training

check = Checks("head")


@check(
    "it refuses a task with a reason in one line, and raises nothing",
    inapplicable=lambda subject: None if subject.spec.rejects else "it refuses nothing",
)
def refuses_with_a_reason(subject: Subject) -> None:
    """Offer single sentences and pairs, separate and joined, with classes and scores."""
    for _, reason in offers(subject):
        require_reason(reason)


@check("it can be built and called for every kind of task that it does not refuse", basic=True)
def builds_what_it_takes(subject: Subject) -> None:
    for trial in trials(subject):
        expected = f"{trial.name} to be refused, or taken"
        try:
            outputs = trial.build()(*trial.embeddings())
        except ANYTHING as error:  # whatever a stranger's head raises
            outputs = f"{type(error).__name__}: {error}"
        require(isinstance(outputs, Tensor), expected, outputs)


@check(
    "it gives [B, classes] logits under cross-entropy, else [B]; of one example, at any width",
    basic=True,
)
def shapes(subject: Subject) -> None:
    """Try B = 1 in training mode too: the last batch of an epoch may be of one."""
    for trial in trials(subject):
        for width in (WIDTH, 24):
            head = trial.build(width=width)
            for training, examples in ((True, 1), (False, 1), (False, EXAMPLES)):
                embeddings = trial.embeddings(examples, width=width)
                came = list(outputs_of(head.train(training), embeddings).shape)
                shape = trial.shape(examples)
                require(came == shape, f"shape {shape} for {trial.name} at width {width}", came)


@check(
    'with output = "unit", it takes scores only, and 1 is the top of what it gives',
    inapplicable=lambda subject: 'its output is "task"' if subject.spec.output == "task" else None,
)
def unit_outputs(subject: Subject) -> None:
    """Look at random embeddings; a unit that is passed predicts scores beyond the range."""
    for trial in trials(subject):
        require(
            trial.info.score_range is not None,
            'a head with output = "unit" to refuse what is no score',
            f"one that takes {trial.name}",
        )
        largest = float(outputs_of(trial.build().eval(), trial.embeddings(50)).abs().max())
        require(largest <= 1 + 1e-5, "outputs in [-1, 1]", f"one of {largest:.3g}")


@check("outputs and gradients are finite, on embeddings of zeros and on equal ones too")
def finite_numbers(subject: Subject) -> None:
    """Look at the batches at which norms and divisions go wrong."""
    for trial in trials(subject):
        for name, batch in trial.batches().items():
            head, leaves = trial.build(), leaves_of(batch)
            outputs = head(*leaves)
            came = outputs.flatten().tolist()
            require(outputs.isfinite().all(), f"finite outputs on {name} ({trial.name})", came)
            require(outputs.requires_grad, "outputs that can be differentiated", "others")
            probed(outputs).backward()
            named = {f"sentence {place}": leaf for place, leaf in enumerate(leaves, 1)}
            infinite = [
                name
                for name, tensor in (named | dict(head.named_parameters())).items()
                if tensor.grad is not None and not tensor.grad.isfinite().all()
            ]
            expected = f"finite gradients on {name} ({trial.name})"
            require(not infinite, expected, f"others in {', '.join(infinite)}")


@check("in evaluation mode an example's output depends on that example alone")
def examples_apart(subject: Subject) -> None:
    """Compare a batch with its examples one by one, in another order, and once more.

    What drops, draws, remembers a batch or looks at the other examples shows.
    """
    order = torch.tensor([3, 0, 5, 1, 6, 4, 2])
    for trial in trials(subject):
        head, batch = trial.build(dropout=0.5).eval(), trial.embeddings()
        with untouched():
            first = outputs_of(head, batch)
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


@check("it leaves the embeddings as they were, which other heads may share")
def leaves_the_embeddings(subject: Subject) -> None:
    for trial in trials(subject):
        batch, copies = trial.embeddings(), trial.embeddings()
        for training in (True, False):
            outputs_of(trial.build(dropout=0.5).train(training), batch)
            same = all(map(torch.equal, batch, copies))
            require(same, "the embeddings as they were", "changed ones")


@check("the gradient reaches every sentence of an example, and every parameter that is trained")
def reaches_everything(subject: Subject) -> None:
    """Look at embeddings that are at acute angles, for relu's sake."""
    for trial in trials(subject):
        head = shaken(trial.build())
        leaves = leaves_of([u.abs() for u in trial.embeddings()])
        probed(head(*leaves)).backward()
        for index, leaf in enumerate(leaves, 1):
            reached = leaf.grad is not None and leaf.grad.any()
            require(reached, f"a gradient in sentence {index} ({trial.name})", "none")
        for name, parameter in head.named_parameters():
            reached = not parameter.requires_grad or parameter.grad is not None
            require(reached, f"a gradient in {name!r} ({trial.name})", "none")


@check("gradients go to its own parameters and the embeddings, and nowhere else")
def leaves_no_foreign_gradients(subject: Subject) -> None:
    """Walk the graph of the outputs to its leaves; forward must leave a gradient nowhere."""
    for trial in trials(subject):
        head, leaves = trial.build(), leaves_of(trial.embeddings())
        outputs = head(*leaves)
        filled = [name for name, p in head.named_parameters() if p.grad is not None]
        require(not filled, "no gradient before the backward pass", f"one in {filled}")
        own = {id(tensor) for tensor in (*leaves, *head.parameters())}
        foreign = [t for t in reached_by(outputs) if id(t) not in own]
        came = ", ".join(name_of(tensor, type(head).__module__) for tensor in foreign)
        require(not foreign, "gradients in its own parameters only", f"some in {came}")


@check("a few steps of gradient descent lower its loss")
def learns(subject: Subject) -> None:
    """Learn what the same head gives at other weights, on a handful of examples.

    Such labels are within reach of any head, however few its parameters. The lowest loss counts,
    since a step may be too long for a head that starts close by.
    """
    trained = [t for t in trials(subject) if any(p.requires_grad for p in t.build().parameters())]
    if not trained:
        raise NotApplicable("it has no parameters")
    for trial in trained:
        student, batch = trial.build(), trial.embeddings()
        labels = trial.labels(outputs_of(shaken(trial.build(), by=0.5), batch))
        optimizer = torch.optim.Adam(student.parameters(), lr=RATE)
        losses = []
        for step in range(STEPS + 1):
            value = loss(trial.info, subject.spec.output, student(*batch), labels)
            finite = f"a finite loss of the head {subject.spec.name!r} ({trial.name})"
            require(value.isfinite(), finite, f"{value.item()} at step {step + 1}")
            losses.append(value.item())
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        expected = f"a loss that falls by a tenth or more in {STEPS} steps ({trial.name})"
        came = f"{losses[0]:.4g} at first, {min(losses):.4g} at best"
        require(min(losses) < 0.9 * losses[0], expected, came)


@check("the same seed gives the same first weights, which torch's generator gives")
def same_seed_same_weights(subject: Subject) -> None:
    """Build it with Python's and numpy's generators in different states."""
    for trial in trials(subject):
        states = []
        for elsewhere in (0, 1):
            with seeded_globally(elsewhere):
                states.append(trial.build(guard=untouched(but_torch=True)).state_dict())
        first, second = states
        require(list(first) == list(second), "the same names of weights", f"{list(second)}")
        moved = [name for name, value in first.items() if not torch.equal(value, second[name])]
        require(not moved, "the same first weights of the same seed", f"others in {moved}")


@check("the heads of two tasks have no parameter or buffer in common")
def shares_nothing(subject: Subject) -> None:
    for trial in trials(subject):
        first, second = trial.build(), trial.build(seed=1)
        places = {tensor.data_ptr() for tensor in first.state_dict().values()}
        state = second.state_dict()
        common = [
            n for n, tensor in state.items() if tensor.numel() and tensor.data_ptr() in places
        ]
        require(not common, "tensors of its own for each head", f"{', '.join(common)} of another")


@check("saved and loaded into another, it gives the same outputs")
def save_and_load(subject: Subject) -> None:
    """Take its weights through safetensors, the format of stored runs."""
    for trial in trials(subject):
        head, batch = shaken(trial.build()).eval(), trial.embeddings()
        state = {name: tensor.contiguous() for name, tensor in head.state_dict().items()}
        loaded = trial.build(seed=1).eval()
        loaded.load_state_dict(load(save(state)))
        require_equal(outputs_of(loaded, batch), outputs_of(head, batch), "the same outputs")


@check("in training mode torch's generator alone is drawn from, and at rate 0 nothing dropped")
def dropout(subject: Subject) -> None:
    """A head without dropout passes: no check can tell it from one that forgot it."""
    for trial in trials(subject):
        batch = trial.embeddings()
        with untouched(but_torch=True):
            outputs_of(trial.build(dropout=0.5), batch)
        head = shaken(trial.build())
        first = outputs_of(head, batch)
        require_equal(outputs_of(head, batch), first, "no dropout at rate 0")


@check("under bfloat16 autocast it trains")
def bfloat16(subject: Subject) -> None:
    """Give it embeddings in float32 and in bfloat16: an encoder under autocast gives either."""
    for trial in trials(subject):
        for dtype in (torch.float32, torch.bfloat16):
            head, leaves = trial.build(), leaves_of([u.to(dtype) for u in trial.embeddings()])
            with torch.autocast("cpu", torch.bfloat16):
                outputs = head(*leaves)
            require(outputs.isfinite().all(), f"finite outputs of {dtype}", outputs.tolist())
            probed(outputs.float()).backward()
            finite = all(leaf.grad.isfinite().all() for leaf in leaves if leaf.grad is not None)
            require(finite, f"finite gradients of {dtype}", "some that are not finite")


@check("it goes where its weights and embeddings are")
def follows_the_device(subject: Subject) -> None:
    """Move it to torch's device without numbers, and to CUDA where that is."""
    for trial in trials(subject):
        require_one_device(partial(_on, "meta", trial))
        if torch.cuda.is_available():
            came = _on("cuda", trial)
            require(came.is_cuda, "outputs on the embeddings' device", came.device)
            require_equal(came.cpu(), _on("cpu", trial), "the same outputs on CUDA")


def _on(device: str, trial: Trial) -> Tensor:
    return outputs_of(trial.build().eval().to(device), [u.to(device) for u in trial.embeddings()])
