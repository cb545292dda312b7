import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from mtbench.board.rendering import FORMATS
from mtbench.board.standings import leaderboard
from mtbench.components.registry import Registry
from mtbench.errors import UsageError
from mtbench.matrix.file import NamedCell
from mtbench.notebook.views import SCORES, LeaderboardView, PlanView, score_records
from mtbench.store import PREDICTIONS, Store
from mtbench.study.plan import Plan
from mtbench.study.plan_rendering import PLAN_FORMATS
from mtbench.study.planner import Planner
from mtbench.study.relatives import Relatives
from mtbench.study.study import estimate

NASTY = 'a <b>cell</b> & "more"'
REJECTED = "a cosine on one sentence"
UNDEFINED = "undefined"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def outcome(a_result: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that returns a result with these primary metrics."""

    def make(accuracy: float, pearson: float | None) -> Any:
        dev = {"sst": {"accuracy": accuracy, "macro_f1": 0.1}, "sts": {"pearson": pearson}}
        spent = a_result().cost.model_dump() | {"steps": 3, "peak_memory_mb": 100.0}
        spent["examples"] = {"sst": 12, "sts": 0}
        spent["seconds"] |= {"total": 60.0}
        return a_result(
            scores={"dev": dev, "train": dev},
            overall=None if pearson is None else (accuracy + pearson) / 2,
            untrained=["sts"],
            hashes={"initial_weights": {}, "batches": str(accuracy), "order": {}},
            cost=spent,
        )

    return make


@pytest.fixture
def plan(store: Store, outcome: Callable[..., Any]) -> Plan:
    """Three cells: one with two runs of three, one rejected, one with an undefined score."""
    tasks = [
        {"name": f"sample-{name}", "as": name, "train": 8, "dev": 6} for name in ("sst", "sts")
    ]
    base: dict[str, Any] = {"tasks": tasks, "train": {"steps": 1}}
    cells = [
        NamedCell(NASTY, base, paper={"sst": 0.5, "overall": 0.25}),
        NamedCell(REJECTED, {**base, "heads": {"sst": {"name": "cosine"}}}),
        NamedCell(UNDEFINED, {**base, "combiner": {"name": "pcgrad"}}),
    ]
    planner = Planner(Registry.load(), store)
    first, _, last = planner.plan("a <study>", cells, [3, 5, 7]).cells
    made: Mapping[str, Any] = {
        first.runs[0].key: outcome(0.12345, 0.5),
        first.runs[2].key: outcome(0.23456, 0.25),
        **{run.key: outcome(0.5, None if run.seed == 5 else 0.5) for run in last.runs},
    }
    ids = np.array([f"example-{row}" for row in range(6)])
    rows = {"ids": ids, "labels": np.arange(6.0) % 3, "predictions": np.arange(6.0) % 2}
    for key, result in made.items():
        folder = store.create(key)
        arrays = {f"{task}.{part}": row for task in ("sst", "sts") for part, row in rows.items()}
        np.savez(folder.path / PREDICTIONS, **arrays)
        folder.end(result)
    return planner.plan("a <study>", cells, [3, 5, 7])


@pytest.fixture
def planned(plan: Plan, store: Store) -> PlanView:
    return PlanView(plan, estimate(plan, Relatives(store)))


@pytest.fixture
def board(plan: Plan, store: Store) -> LeaderboardView:
    return LeaderboardView(leaderboard(plan), plan, score_records(plan))


def test_the_frame_of_a_plan_has_a_row_a_run(planned: PlanView) -> None:
    frame = planned.frame

    assert list(frame.columns) == ["cell", "seed", "state", "key", "reason"]
    assert list(frame["cell"]) == [NASTY] * 3 + [REJECTED] + [UNDEFINED] * 3
    assert list(frame["state"]) == ["done", "missing", "done", "rejected", "done", "done", "done"]
    assert frame["seed"].dropna().tolist() == [3, 5, 7] * 2
    assert str(frame["seed"].dtype) == "Int64"
    rejected = frame[frame["cell"] == REJECTED].iloc[0]
    assert pd.isna(rejected["seed"])
    assert pd.isna(rejected["key"])
    assert "sentence" in rejected["reason"]
    assert list(frame["key"].dropna()) == [run.key for _, run in planned.plan.runs()]


def test_the_scores_have_a_row_a_cell_task_and_seed(board: LeaderboardView) -> None:
    scores = board.scores

    assert tuple(scores.columns) == SCORES
    one = scores[scores["cell"] == NASTY]
    assert one[["task", "metric", "seed", "score", "untrained"]].values.tolist() == [
        ["sst", "accuracy", 3, 0.12345, False],
        ["sts", "pearson", 3, 0.5, True],
        ["overall", "", 3, (0.12345 + 0.5) / 2, True],
        ["sst", "accuracy", 7, 0.23456, False],
        ["sts", "pearson", 7, 0.25, True],
        ["overall", "", 7, (0.23456 + 0.25) / 2, True],
    ]
    first, _, _ = board.plan.cells[0].runs
    assert one["key"].iloc[0] == first.key
    assert REJECTED not in set(scores["cell"])
    undefined = scores[(scores["cell"] == UNDEFINED) & (scores["seed"] == 5)]
    assert undefined["score"].isna().tolist() == [False, True, True]


def test_the_frame_of_a_leaderboard_is_not_rounded(board: LeaderboardView) -> None:
    frame = board.frame.set_index("cell")

    assert list(frame.index) == [NASTY, REJECTED, UNDEFINED]
    one = frame.loc[NASTY]
    assert one["sst"] == pytest.approx((0.12345 + 0.23456) / 2, abs=1e-12)
    assert one["sst_sd"] == pytest.approx(statistics.stdev([0.12345, 0.23456]), abs=1e-12)
    assert one["overall"] == pytest.approx((0.12345 + 0.5 + 0.23456 + 0.25) / 4, abs=1e-12)
    assert (one["sst_paper"], one["overall_paper"]) == (0.5, 0.25)
    assert (one["seeds"], one["status"], one["reason"]) == (2, "partial", "")
    assert (bool(one["sst_untrained"]), bool(one["sts_untrained"])) == (False, True)
    rejected = frame.loc[REJECTED]
    assert math.isnan(rejected["sst"])
    assert (rejected["seeds"], rejected["status"]) == (0, "rejected")
    undefined = frame.loc[UNDEFINED]
    assert (undefined["sst"], undefined["sst_sd"]) == (0.5, 0.0)
    assert undefined[["sts", "sts_sd", "overall", "overall_sd"]].isna().all()
    assert set(frame[["sst", "sts_sd", "overall_paper"]].dtypes) == {pd.Series([0.5]).dtype}


def test_views_look_like_the_terminal(planned: PlanView, board: LeaderboardView) -> None:
    assert (
        repr(planned) == planned.render() == PLAN_FORMATS["rich"](planned.plan, planned.estimate)
    )
    assert repr(board) == board.render() == FORMATS["rich"](board.board)


def test_colours_are_for_the_terminal_alone(
    board: LeaderboardView, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = repr(board)
    monkeypatch.setattr(
        "mtbench.notebook.views.FORMATS", {"rich": lambda board: "\x1b[31mfailed\x1b[0m: no"}
    )

    assert "\x1b" not in plain
    assert repr(board) == "failed: no"


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_format_of_the_command_line(
    planned: PlanView, board: LeaderboardView, form: str
) -> None:
    assert board.render(form) == FORMATS[form](board.board)
    assert planned.render(form) == PLAN_FORMATS[form](planned.plan, planned.estimate)


@pytest.mark.parametrize("fixture", ["planned", "board"])
def test_an_unknown_format(fixture: str, request: pytest.FixtureRequest) -> None:
    view = request.getfixturevalue(fixture)

    with pytest.raises(UsageError, match=r"unknown format 'markdwon'; did you mean 'markdown'"):
        view.render("markdwon")


@pytest.mark.parametrize("fixture", ["planned", "board"])
def test_notebooks_get_well_formed_tables(fixture: str, request: pytest.FixtureRequest) -> None:
    show: Callable[[], str] = request.getfixturevalue(fixture)._repr_html_

    element = ET.fromstring(show())

    rows = [[(c.text or "").strip() for c in row.iter("td")] for row in element.iter("tr")]
    assert [row[0] for row in rows if row][:3] == [NASTY, REJECTED, UNDEFINED]
    assert "".join(next(element.iter("p")).itertext()).startswith("a <study>")
