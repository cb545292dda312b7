"""Checks of heads: which tasks they take, and that they can be built for those."""

from torch import Tensor

from mtbench.testing.cells import require_reason
from mtbench.testing.checks import ANYTHING, Checks, Subject, require
from mtbench.testing.head_trials import WIDTH, offers, outputs_of, trials

check = Checks("head")


def _refuses_nothing(subject: Subject) -> str | None:
    return "it refuses nothing" if subject.spec.rejects is None else None


@check("it takes some kind of task")
def takes_some_task(subject: Subject) -> None:
    """Try single sentences and pairs, separate and joined, with classes and scores."""
    trials(subject)


@check(
    "it refuses a task with a reason in one line, and raises nothing",
    inapplicable=_refuses_nothing,
)
def refuses_with_a_reason(subject: Subject) -> None:
    """Offer every kind of task."""
    for _, reason in offers(subject):
        require_reason(reason, "rejects")


@check("it can be built and called for every kind of task that it does not refuse")
def builds_what_it_takes(subject: Subject) -> None:
    """Build it for every kind of task, and call it once."""
    for trial in trials(subject):
        expected = f"{trial.name} to be refused, or taken"
        try:
            outputs = trial.build()(*trial.embeddings())
        except ANYTHING as error:  # whatever a stranger's head raises
            outputs = f"{type(error).__name__}: {error}"
        require(isinstance(outputs, Tensor), expected, outputs)


@check("it gives [B, classes] logits under cross-entropy, else [B]; also of one example")
def shapes(subject: Subject) -> None:
    """Try B = 1 and B = 7, in training mode too: the last batch of an epoch may be of one."""
    for trial in trials(subject):
        head = trial.build()
        for training in (True, False):
            head.train(training)
            for examples in (1, 7):
                shape = list(outputs_of(head, trial.embeddings(examples)).shape)
                expected = trial.shape(examples)
                require(shape == expected, f"shape {expected} for {trial.name}", shape)


@check("it fits encoders of several widths")
def several_widths(subject: Subject) -> None:
    """Try 8, 24 and 384 dimensions."""
    for trial in trials(subject):
        for width in (8, 24, 384):
            head = trial.build(width=width).eval()
            shape = list(outputs_of(head, trial.embeddings(2, width=width)).shape)
            expected = trial.shape(2)
            require(shape == expected, f"shape {expected} at width {width}", shape)


@check('with output = "unit", it takes scores only, and 1 is the top of what it gives')
def unit_outputs(subject: Subject) -> None:
    """Look at random embeddings; a unit that is passed predicts scores beyond the range."""
    if subject.spec.output == "task":
        return
    for trial in trials(subject):
        require(
            trial.info.score_range is not None,
            'a head with output = "unit" to refuse what is no score',
            f"one that takes {trial.name}",
        )
        outputs = outputs_of(trial.build().eval(), trial.embeddings(50, width=WIDTH))
        largest = float(outputs.abs().max())
        require(largest <= 1 + 1e-5, "outputs in [-1, 1]", f"one of {largest:.3g}")
