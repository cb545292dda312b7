"""An ordinary cell: three tasks of different kinds, everything else as it is by default."""

from mtbench.matrix.configuration import TrainConfig
from mtbench.parameters import HeadParameters
from mtbench.protocols import TaskInfo
from mtbench.specs import Cell, Component
from mtbench.testing.checks import Subject, require

TASKS = {
    "sst": TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5),
    "pd": TaskInfo(sentences=2, loss="binary-cross-entropy", metrics=("accuracy",), classes=2),
    "sts": TaskInfo(
        sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
    ),
}


def ordinary_cell(subject: Subject) -> Cell:
    """Return a cell with a component in its place; a head is that of every task."""
    own = Component(subject.spec.name, subject.parameters.model_dump(mode="json", by_alias=True))
    head = Component("linear", HeadParameters(dropout=0.1).model_dump(mode="json"))
    parts = {
        "encoder": Component("tiny"),
        "head": head,
        "balancer": Component("round-robin"),
        "combiner": Component("sum"),
        subject.spec.kind: own,
    }
    return Cell(
        tasks=TASKS,
        encoder=parts["encoder"],
        heads=dict.fromkeys(TASKS, parts["head"]),
        balancer=parts["balancer"],
        combiner=parts["combiner"],
        train=TrainConfig(epochs=1).model_dump(mode="json"),
    )


def require_remarks(given: object) -> None:
    """Fail unless something is None, a remark in one line, or several."""
    several = given if isinstance(given, list | tuple) else [given]
    for remark in several:
        require_reason(remark, "caveat")


def require_reason(given: object, function: str) -> None:
    """Fail unless something is None, or a reason in one line."""
    sound = given is None or (isinstance(given, str) and given.strip() and "\n" not in given)
    require(sound, f"{function} to give a reason in one line, or None", repr(given))
