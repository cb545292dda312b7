import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from mtbench.model.model import MultiTaskModel, TaskHead
from mtbench.protocols import TaskInfo
from mtbench.store import HISTORY
from mtbench.store.history import History
from mtbench.training import selection
from mtbench.training.selection import Selection

SCORE = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0, 5))

Evaluate = Callable[..., Selection]


@pytest.fixture
def model() -> MultiTaskModel:
    heads = {
        name: TaskHead(nn.Linear(1, 1), SCORE, "separate", "cls", "task") for name in ("a", "b")
    }
    return MultiTaskModel(nn.Linear(1, 1), heads)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with closing(History(tmp_path)) as history:
        yield history


@pytest.fixture
def evaluate(model: MultiTaskModel, history: History, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Give a function that evaluates, after steps 10, 20 ..., scores that are given.

    Before each evaluation the encoder's bias is set to the number of steps, so that one sees
    when the state that was kept was taken.
    """

    def run(
        *scores: tuple[float | None, float | None], trained: tuple[str, ...] = ("a", "b")
    ) -> Selection:
        answers = [
            (
                {"a": [float(i)], "b": [float(i)]},
                {"a": {"pearson": a}, "b": {"pearson": b}},
            )
            for i, (a, b) in enumerate(scores)
        ]
        waiting = iter(answers)
        monkeypatch.setattr(selection, "predict_and_score", lambda model, dev: next(waiting))
        subject = Selection(model, {}, history)
        for step in range(10, 10 * len(scores) + 1, 10):
            nn.init.constant_(model.encoder.bias, step)
            subject.evaluate(step, set(trained))
        nn.init.constant_(model.encoder.bias, -1)
        return subject

    return run


def kept(subject: Selection) -> int:
    """Return the step of what was kept, and see to it that all of it is of one step."""
    step = subject.step
    assert subject.state["encoder.bias"].tolist() == [step]
    assert subject.predicted == {"a": [step / 10 - 1], "b": [step / 10 - 1]}
    return step


def test_the_best_mean_is_kept(evaluate: Evaluate) -> None:
    subject = evaluate((0.1, 0.1), (0.2, 0.6), (0.5, 0.2))

    assert kept(subject) == 20
    assert subject.scores == {"a": {"pearson": 0.2}, "b": {"pearson": 0.6}}
    assert subject.count == 3
    assert subject.seconds > 0


def test_the_only_evaluation_is_kept_whatever_it_is(evaluate: Evaluate) -> None:
    assert kept(evaluate((-1.0, -0.5))) == 10
    assert kept(evaluate((None, 0.5))) == 10


def test_of_equals_the_earlier_is_kept(evaluate: Evaluate) -> None:
    assert kept(evaluate((0.0, 0.1), (0.25, 0.75), (0.75, 0.25), (0.5, 0.5))) == 20


def test_an_undefined_mean_never_wins(evaluate: Evaluate) -> None:
    assert kept(evaluate((-0.9, -0.9), (None, 1.0))) == 10
    assert kept(evaluate((None, 1.0), (-0.9, -0.9), (1.0, None))) == 20
    assert kept(evaluate((None, 0.1), (None, 0.9))) == 10


def test_a_mean_of_zero_is_defined(evaluate: Evaluate) -> None:
    assert kept(evaluate((None, None), (0.0, 0.0), (-0.1, 0.0))) == 20


def test_only_trained_tasks_are_compared(evaluate: Evaluate) -> None:
    assert kept(evaluate((0.5, 0.9), (0.6, 0.1), trained=("a",))) == 20
    assert kept(evaluate((0.5, 0.9), (0.6, None), trained=("a",))) == 20


def test_only_what_is_trained_is_kept(model: MultiTaskModel, evaluate: Evaluate) -> None:
    model.encoder.weight.requires_grad_(False)

    state = evaluate((0.5, 0.5)).state

    assert set(state) == set(model.state_dict()) - {"encoder.weight"}


def test_the_history_has_every_evaluation(evaluate: Evaluate, tmp_path: Path) -> None:
    evaluate((0.5, 0.25), (None, 0.1))

    events: list[dict[str, Any]] = [
        json.loads(line) for line in (tmp_path / HISTORY).read_text().splitlines()
    ]
    assert [event["event"] for event in events] == ["phase", "evaluation"] * 2
    assert events[0]["phase"] == "evaluating"
    assert [(event["step"], event["scores"]) for event in events[1::2]] == [
        (10, {"a": {"pearson": 0.5}, "b": {"pearson": 0.25}}),
        (20, {"a": {"pearson": None}, "b": {"pearson": 0.1}}),
    ]
