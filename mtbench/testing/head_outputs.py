"""Checks of heads: what comes out, and what it depends on."""

import torch

from mtbench.testing.checks import Checks, Subject, fail, require, unless_promised
from mtbench.testing.head_trials import EXAMPLES, outputs_of, require_equal, shaken, trials

check = Checks("head")


@check("its outputs are finite, on embeddings of zeros and on equal ones too")
def finite_outputs(subject: Subject) -> None:
    """Look at the batches at which norms and divisions go wrong."""
    for trial in trials(subject):
        head = trial.build().eval()
        for name, batch in trial.batches().items():
            outputs = outputs_of(head, batch)
            if not outputs.isfinite().all():
                fail(f"finite outputs on {name} ({trial.name})", str(outputs.flatten().tolist()))


@check("permuting a batch permutes its outputs")
def follows_the_order_of_the_batch(subject: Subject) -> None:
    """Compare a batch in evaluation mode with the same one in another order."""
    order = torch.tensor([3, 0, 5, 1, 6, 4, 2])
    for trial in trials(subject):
        head, batch = trial.build().eval(), trial.embeddings()
        permuted = outputs_of(head, [u[order] for u in batch])
        require_equal(permuted, outputs_of(head, batch)[order], "outputs in the batch's order")


@check("in evaluation mode an example's output does not depend on the others in its batch")
def examples_apart(subject: Subject) -> None:
    """Compare each example of a batch with a batch of its own."""
    for trial in trials(subject):
        head, batch = trial.build().eval(), trial.embeddings()
        alone = torch.cat(
            [outputs_of(head, [u[i : i + 1] for u in batch]) for i in range(EXAMPLES)]
        )
        require_equal(alone, outputs_of(head, batch), "an example's output alone as among others")


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


@check("in evaluation mode the same batch gives the same outputs, whatever came in between")
def same_batch_same_outputs(subject: Subject) -> None:
    """Call it with one batch, with another, and with the first again."""
    for trial in trials(subject):
        head, batch = trial.build(dropout=0.5).eval(), trial.embeddings()
        first = outputs_of(head, batch)
        outputs_of(head, trial.embeddings(seed=1))
        require_equal(outputs_of(head, batch), first, "the same outputs of the same batch")


@check("it leaves the embeddings as they were, which other heads may share")
def leaves_the_embeddings(subject: Subject) -> None:
    """Compare the embeddings with copies, in training and evaluation mode."""
    for trial in trials(subject):
        head, batch = trial.build(dropout=0.5), trial.embeddings()
        copies = [u.clone() for u in batch]
        for training in (True, False):
            outputs_of(head.train(training), batch)
            for given, copy in zip(batch, copies, strict=True):
                require(torch.equal(given, copy), "the embeddings as they were", "changed ones")
