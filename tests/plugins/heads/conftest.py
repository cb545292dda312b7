"""Tasks of each kind, and cells with one of them."""

from collections.abc import Callable, Mapping

import pytest

from mtbench.api import Cell, Component, TaskInfo

TASKS: Mapping[str, TaskInfo] = {
    "classes": TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5),
    "score": TaskInfo(
        sentences=1, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
    ),
    "pair-classes": TaskInfo(
        sentences=2, loss="binary-cross-entropy", metrics=("accuracy",), classes=2
    ),
    "pair-score": TaskInfo(
        sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
    ),
    "pair-score-from-1": TaskInfo(
        sentences=2, loss="squared-error", metrics=("pearson",), score_range=(1.0, 4.0)
    ),
}


@pytest.fixture
def tasks() -> Mapping[str, TaskInfo]:
    return TASKS


@pytest.fixture
def cell() -> Callable[..., Cell]:
    """Give a function that makes the cell of one task and one head."""

    def make(task: str, head: str, pair: str = "separate") -> Cell:
        return Cell(
            tasks={task: TASKS[task]},
            encoder=Component("minbert"),
            heads={task: Component(head, {"pooling": None, "pair": pair, "dropout": 0.1})},
            balancer=Component("cycle"),
            combiner=Component("sum"),
            train={},
        )

    return make
