import itertools
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.board.costs import Cost
from mtbench.board.standings import Leaderboard, Row, Score, leaderboard
from mtbench.components.registry import Registry
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.store import (
    PREDICTIONS,
    REQUEST,
    RESULT,
    Failure,
    Result,
    RunFolder,
    Store,
    test_uses,
)
from mtbench.study.plan import Plan, PlannedCell, PlannedRun
from mtbench.study.planner import Planner
from mtbench.study.requests import request
from mtbench.system.files import write_json

BASE = {
    "tasks": [
        {"name": "sample-sst", "as": "sst", "train": 6, "dev": 4, "test": 4},
        {"name": "sample-sts", "as": "sts", "train": 6, "dev": 4, "test": 4},
    ],
    "train": {"steps": 1},
}

FAILED = Failure(error="NonFiniteLoss: no", traceback="Traceback ...")


class Study:
    """A plan of cells, whose results a test stores as it likes."""

    def __init__(self, root: Path, changes: Sequence[Mapping[str, Any]], seeds: Sequence[int]):
        self.store = Store(root)
        self.cells = [
            NamedCell(f"cell {i}", overlay(BASE, change)) for i, change in enumerate(changes)
        ]
        self.seeds = seeds

    def plan(self) -> Plan:
        return Planner(Registry.load(), self.store).plan("a study", self.cells, self.seeds)

    def store_result(
        self,
        cell: int,
        seed: int,
        result: Result | Failure,
        of_dev: Mapping[str, Sequence[float]] | None = None,
        **changed: Mapping[str, str],
    ) -> RunFolder:
        """Store the result of a run, with what it predicted and what changed in its request."""
        planned: PlannedCell = self.plan().cells[cell]
        run: PlannedRun = next(run for run in planned.runs if run.seed == seed)
        folder = self.store.run(run.key)
        folder.path.mkdir(parents=True, exist_ok=True)
        wanted = request(planned, run, []).model_dump()
        write_json(
            folder.path / REQUEST,
            wanted | {name: wanted[name] | dict(values) for name, values in changed.items()},
        )
        if isinstance(result, Result):
            np.savez(folder.path / PREDICTIONS, **predicted(**(of_dev or {})))
        folder.end(result)
        return folder

    def read(self) -> Leaderboard:
        return leaderboard(self.plan())


LABELS = {"sst": [1.0, 0.0, 1.0, 0.0], "sts": [0.0, 1.0, 2.0, 5.0]}


def predicted(
    sst: Sequence[float] = (1, 1, 1, 0), sts: Sequence[float] = (0, 2, 1, 3)
) -> dict[str, Any]:
    """Return the arrays of a run's predictions on the four dev examples of each task."""
    arrays: dict[str, Any] = {}
    for task, values in (("sst", sst), ("sts", sts)):
        arrays[f"{task}.ids"] = np.array(list("abcd"))
        arrays[f"{task}.labels"] = np.array(LABELS[task])
        arrays[f"{task}.predictions"] = np.array(values, float)
    return arrays


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Study]:
    """Give a function that makes a study of changes to the base, one cell each."""

    def study(*changes: Mapping[str, Any], seeds: Sequence[int] = (0, 1)) -> Study:
        return Study(tmp_path / "store", changes or [{}], seeds)

    return study


COUNT = itertools.count()


def done(
    sst: float | None,
    sts: float | None,
    *,
    tasks: Sequence[str] = ("sst", "sts"),
    untrained: Sequence[str] = (),
    steps: int = 1,
    evaluations: int = 1,
    left_out: Mapping[str, Mapping[str, int]] | None = None,
    texts: Mapping[str, Mapping[str, Mapping[str, int | None]]] | None = None,
    batches: str | None = None,
    capability: str = "AVX2",
) -> Result:
    """Return a result with these primary metrics."""
    complete = sst is not None and sts is not None
    dev: Any = {
        "sst": {"accuracy": sst, "macro_f1": 0.9},
        "sts": {"pearson": sts, "spearman": 0.9},
    }
    dev = {task: dev[task] for task in tasks}
    return Result.model_validate(
        {
            "scores": {
                "dev": dev,
                "train": {task: dict.fromkeys(metrics, 1.0) for task, metrics in dev.items()},
            },
            "overall": (sst + sts) / 2 if complete else None,
            "untrained": list(untrained),
            "selected_step": steps,
            "evaluations": evaluations,
            "hashes": {
                "initial_weights": {},
                "batches": batches or f"batches {next(COUNT)}",
                "order": dict.fromkeys(dev, ""),
            },
            "cost": {
                "steps": steps,
                "examples": {task: 0 if task in untrained else 4 * steps for task in dev},
                "tokens": 1,
                "encoder_passes": 1,
                "seconds": {
                    **dict.fromkeys(("training", "computing", "evaluation"), 1.0),
                    "total": 30.0 * steps,
                },
                "peak_memory_mb": 100.0 + steps,
            },
            "arithmetic": {"cpu_capability": capability},
            "left_out": left_out or {task: {"train": 0, "dev": 0} for task in dev},
            "texts": texts or {},
        }
    )


def texts(examples: int, cut: int = 0, empty: int = 0, shared: int = 0) -> dict[str, int | None]:
    return {"examples": examples, "cut": cut, "empty": empty, "shared": shared}


def measured(score: Score) -> tuple[Sequence[float | None], float | None, float | None]:
    """Return a score's values, their mean and their standard deviation."""
    return score.seeds, score.mean, score.sd


def only(board: Leaderboard) -> Row:
    (row,) = board.rows
    return row


# --- numbers ----------------------------------------------------------------------------------


def test_a_row_has_mean_and_spread_over_the_seeds(make: Callable[..., Study]) -> None:
    study = make()
    study.store_result(0, 0, done(0.25, -0.1))
    study.store_result(0, 1, done(0.5, 0.4))

    row = only(study.read())

    # The standard deviation of two values is their difference over the root of two.
    root = 2**0.5
    assert measured(row.scores["sst"]) == (
        [0.25, 0.5],
        pytest.approx(0.375),
        pytest.approx(0.25 / root),
    )
    assert measured(row.scores["sts"]) == (
        [-0.1, 0.4],
        pytest.approx(0.15),
        pytest.approx(0.5 / root),
    )
    assert measured(row.overall) == (
        pytest.approx([0.075, 0.45]),
        pytest.approx(0.2625),
        pytest.approx(0.375 / root),
    )
    assert (row.status, row.reason) == ("done", "")


def test_seeds_stand_in_the_order_of_the_plan(make: Callable[..., Study]) -> None:
    study = make(seeds=(3, 0))
    study.store_result(0, 0, done(0.1, 0.1))
    study.store_result(0, 3, done(0.9, 0.9))

    assert only(study.read()).scores["sst"].seeds == [0.9, 0.1]
    assert [run.seed for run in only(study.read()).runs] == [3, 0]


def test_a_metric_that_is_undefined_once_is_undefined(make: Callable[..., Study]) -> None:
    study = make()
    study.store_result(0, 0, done(0.5, None))
    study.store_result(0, 1, done(0.5, 0.3))

    row = only(study.read())

    assert measured(row.scores["sts"]) == ([None, 0.3], None, None)
    assert measured(row.overall) == ([None, 0.4], None, None)
    assert (row.scores["sts"].interval, row.overall.interval) == (None, None)
    assert row.scores["sst"].mean == 0.5
    assert row.status == "done"


def test_metrics_are_those_of_all_cells_in_their_order(make: Callable[..., Study]) -> None:
    pd = {"name": "sample-pd", "as": "pd", "train": 6, "dev": 4, "test": 4}
    study = make({}, {"tasks": [pd, BASE["tasks"][0]]})

    board = study.read()

    assert board.metrics == {"sst": "accuracy", "sts": "pearson", "pd": "accuracy"}
    assert [list(row.scores) for row in board.rows] == [["sst", "sts"], ["pd", "sst"]]


# --- status -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "status", "reason"),
    [
        ([None, None], "missing", ""),
        ([done(0.5, 0.5), None], "partial", ""),
        ([done(0.5, 0.5), FAILED], "failed", "NonFiniteLoss: no"),
        ([FAILED, None], "failed", "NonFiniteLoss: no"),
        ([done(0.5, 0.5)] * 2, "done", ""),
    ],
)
def test_status(
    make: Callable[..., Study], results: Sequence[Any], status: str, reason: str
) -> None:
    study = make()
    for seed, result in enumerate(results):
        if result:
            study.store_result(0, seed, result)

    row = only(study.read())

    assert (row.status, row.reason) == (status, reason)
    good = [result for result in results if isinstance(result, Result)]
    assert len(row.overall.seeds) == len(good)
    assert (row.overall.mean is None) == (not good)


def test_a_broken_cell_has_its_fault_and_no_score(make: Callable[..., Study]) -> None:
    study = make()
    plan = study.plan()
    broken = PlannedCell(NamedCell("x", {}), None, [], "head 'a' of b: c")

    board = leaderboard(replace(plan, cells=[*plan.cells, broken]))

    assert list(board.metrics) == ["sst", "sts"]
    row = board.rows[1]
    assert (row.status, row.reason, row.scores) == ("broken", "head 'a' of b: c", {})
    assert row.overall.mean is None


def test_a_run_under_way_is_running(make: Callable[..., Study]) -> None:
    study = make()
    folder = study.store_result(0, 0, done(0.5, 0.5))
    (folder.path / RESULT).unlink()

    with folder.owned():
        assert only(study.read()).status == "running"
    assert only(study.read()).status == "missing"


def test_a_rejected_cell_has_its_reason_and_no_score(make: Callable[..., Study]) -> None:
    study = make({}, {"heads.sst": "cosine"})

    plain, rejected = study.read().rows

    assert (plain.status, rejected.status) == ("missing", "rejected")
    assert rejected.reason == study.plan().cells[1].rejection
    assert "sst" in rejected.reason
    assert (rejected.overall.seeds, rejected.runs) == ([], [])
    assert study.read().counts == study.plan().counts()


# --- marks and remarks ------------------------------------------------------------------------


def test_a_head_is_untrained_where_no_run_trained_it(make: Callable[..., Study]) -> None:
    study = make({}, {"train.lr": 0.1})
    study.store_result(0, 0, done(0.5, 0.1, untrained=["sts"]))
    study.store_result(0, 1, done(0.5, 0.1, untrained=["sts"]))
    study.store_result(1, 0, done(0.5, 0.1, untrained=["sts"]))
    study.store_result(1, 1, done(0.5, 0.1))

    board = study.read()

    marks = [{task: score.untrained for task, score in row.scores.items()} for row in board.rows]
    assert marks == [{"sst": False, "sts": True}, {"sst": False, "sts": False}]
    assert [remark.partition(":")[0] for remark in board.remarks] == ["† untrained"]


def test_a_study_without_oddities_needs_no_remark(make: Callable[..., Study]) -> None:
    study = make({}, {"train.lr": 0.1})
    for cell in (0, 1):
        for seed in (0, 1):
            study.store_result(cell, seed, done(0.5, 0.5))

    assert study.read().remarks == []


@pytest.mark.parametrize(
    ("first", "second", "remarks"),
    [
        (
            {"steps": 2},
            {"steps": 10},
            ["unequal budget: the cells took from 2 to 10 optimiser steps"],
        ),
        (
            {"evaluations": 3},
            {"evaluations": 3},
            ["selected on dev: each run is the best of several evaluations on dev"],
        ),
        (
            {"evaluations": 1},
            {"evaluations": 3},
            [
                "selected on dev: each run is the best of several evaluations on dev",
                "unequal selection: the runs chose among 1 to 3 evaluations, "
                "which favours those with more",
            ],
        ),
        (
            {"left_out": {"sst": {"train": 2, "dev": 0}, "sts": {"train": 0, "dev": 0}}},
            {"left_out": {"sst": {"train": 3, "dev": 0}, "sts": {"train": 0, "dev": 1}}},
            [
                "sst: 3 broken row(s) of train left out ('mtbench data status MATRIX' lists them)",
                "sts: 1 broken row(s) of dev left out ('mtbench data status MATRIX' lists them)",
            ],
        ),
        (
            {"texts": {"sst": {"train": texts(8544, 2), "dev": texts(1101, shared=2)}}},
            {"texts": {"sst": {"train": texts(4272, 7), "dev": texts(1101, shared=2)}}},
            [
                "examples cut to the longest sequence that the encoder takes: "
                "sst train up to 7 of 4,272",
                "examples with texts that are in train as well: sst dev 2 of 1,101",
            ],
        ),
        (
            {},  # a run of before texts were counted
            {
                "texts": {
                    "sst": {"train": texts(9, 1, 1), "dev": texts(5, 2)},
                    "sts": {"train": texts(9), "dev": texts(5, 3)},
                }
            },
            [
                "examples cut to the longest sequence that the encoder takes: "
                "sst train 1 of 9, dev 2 of 5; sts dev 3 of 5",
                "examples with a text that tokenises to nothing: sst train 1 of 9",
            ],
        ),
        ({"texts": {"sst": {"train": texts(9), "dev": texts(5)}}}, {}, []),
    ],
)
def test_remarks_on_how_runs_were_made(
    make: Callable[..., Study],
    first: dict[str, Any],
    second: dict[str, Any],
    remarks: Sequence[str],
) -> None:
    study = make()
    study.store_result(0, 0, done(0.5, 0.5, **first))
    study.store_result(0, 1, done(0.5, 0.5, **second))

    assert study.read().remarks == remarks


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([(1, 1, 1, 1), (0, 0, 0, 0), (1, 0, 1, 1), (1, 1, 0, 0)], ["cell 0"]),
        (
            [(1, 1, 1, 0), (0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 1, 1)],
            ["cell 0 (1 of 2 seeds); cell 1"],
        ),
        ([(1, 1, 1, 0), (0, 0, 0, 1), (1, 0, 1, 1), (0, 1, 0, 0)], []),
    ],
)
def test_cells_that_predict_one_class_only_are_remarked(
    make: Callable[..., Study], runs: Sequence[Sequence[float]], said: Sequence[str]
) -> None:
    """A score that is the same for all examples is no class: it is shown as undefined."""
    study = make({}, {"train": {"steps": 2}})
    for place, sst in enumerate(runs):
        study.store_result(place // 2, place % 2, done(0.5, None), {"sst": sst, "sts": [2] * 4})

    board = study.read()

    remarks = [remark for remark in board.remarks if "class" in remark]
    assert remarks == [f"sst predicts one class only: {cells}" for cells in said]
    assert "chance, the share of the largest class of dev: sst 0.500" in board.notes


def test_of_many_cells_that_predict_one_class_the_first_are_named(
    make: Callable[..., Study],
) -> None:
    study = make(*({"train": {"steps": n + 1}} for n in range(12)), seeds=[0])
    for place in range(12):
        study.store_result(place, 0, done(0.5, 0.5), {"sst": (1, 1, 1, 1)})

    (remark,) = (remark for remark in study.read().remarks if "class" in remark)

    named = "; ".join(f"cell {n}" for n in range(10))
    assert remark == f"sst predicts one class only: {named}; 2 more"


HEADS = ({"providers": {"heads.sst": f"mtbench-heads {version}"}} for version in ("1.0", "1.1"))


@pytest.mark.parametrize(
    ("first", "second", "result", "named"),
    [
        ({}, {"versions": {"torch": "1.0", "numpy": "1.0"}}, done(0.5, 0.5), "numpy, torch"),
        ({}, {"versions": {"mtl-bench": "0.0"}}, done(0.5, 0.5), "mtl-bench"),
        ({}, {}, done(0.5, 0.5, capability="AVX512"), "cpu_capability"),
        (*HEADS, done(0.5, 0.5), "mtbench-heads"),
        ({}, {"providers": {"heads.sst": "mtbench-heads 1.0"}}, done(0.5, 0.5), None),
        ({}, {"versions": {"torch": "1.0"}}, FAILED, None),
    ],
)
def test_mixed_versions_are_remarked(
    make: Callable[..., Study],
    first: dict[str, dict[str, str]],
    second: dict[str, dict[str, str]],
    result: dict[str, Any],
    named: str | None,
) -> None:
    study = make()
    study.store_result(0, 0, done(0.5, 0.5), **first)
    study.store_result(0, 1, result, **second)

    expected = [f"mixed versions: the runs were made with different {named}"] if named else []
    assert study.read().remarks == expected


def test_one_cell_under_two_names_is_remarked(make: Callable[..., Study]) -> None:
    study = make({}, {}, {"train.lr": 0.1})
    for cell in (0, 2):
        for seed in (0, 1):
            study.store_result(cell, seed, done(0.5, 0.5))

    board = study.read()

    assert board.remarks == ["one cell under 2 names, trained once: cell 0; cell 1"]
    assert board.rows[0].scores == board.rows[1].scores


def test_cells_that_came_to_the_same_are_remarked(make: Callable[..., Study]) -> None:
    study = make({}, {"balancer": "round-robin"}, {"train.lr": 0.1}, seeds=[0])
    study.store_result(0, 0, done(0.5, 0.5, batches="all"))
    study.store_result(1, 0, done(0.5, 0.5, batches="all"))
    study.store_result(2, 0, done(0.5, 0.4, batches="all"))

    (remark,) = [remark for remark in study.read().remarks if "same" in remark]

    assert remark.startswith("the same batches and the same numbers")
    assert remark.endswith("never came into play: cell 0; cell 1")


def test_notes_come_last(make: Callable[..., Study]) -> None:
    study = make(seeds=[0])
    paper = {"sst": 0.391, "overall": 0}
    study.cells = [NamedCell("one", study.cells[0].config, "what it is", paper), *study.cells]
    study.store_result(0, 0, done(0.5, 0.5, steps=3))

    board = study.read()
    row = board.rows[0]

    assert board.remarks[0].startswith("one seed: ")
    assert board.remarks[-1] == "one: what it is"
    assert measured(row.scores["sst"]) == ([0.5], 0.5, None)  # one seed has no spread
    assert [s.paper for s in (*row.scores.values(), row.overall)] == [0.391, None, 0]


def test_what_an_encoder_has_its_readers_know_is_said_once_and_of_stored_cells_only(
    make: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Registry.load().find("encoder", "tiny")
    told = replace(entry, spec=replace(entry.spec, caveat=lambda cell: f"of {len(cell.tasks)}"))
    find = Registry.find
    monkeypatch.setattr(
        Registry,
        "find",
        lambda self, kind, name: told if name == "tiny" else find(self, kind, name),
    )
    study = make({}, {"combiner": "pcgrad"}, {"combiner": "pcgrad", "train.steps": 2}, seeds=[0])
    assert "of 2" not in study.read().remarks

    study.store_result(2, 0, FAILED)
    assert "of 2" not in study.read().remarks

    for i in range(2):
        study.store_result(i, 0, done(0.5, 0.5))

    assert study.read().remarks.count("of 2") == 1


# --- a real one -------------------------------------------------------------------------------


def test_the_scores_of_a_run_that_was_trained(
    trained: Callable[..., RunFolder], small: dict[str, Any], tmp_path: Path
) -> None:
    folder = trained()
    result = folder.result()
    store = Store(tmp_path / "store")
    shutil.copytree(folder.path, store.run(folder.key).path)

    plan = Planner(Registry.load(), store).plan("", [NamedCell("one", small)], [0])
    row = only(leaderboard(plan))

    assert row.status == "done"
    assert row.overall.seeds == [result.overall]
    assert {task: score.mean for task, score in row.scores.items()} == {
        task: next(iter(metrics.values())) for task, metrics in result.scores.dev.items()
    }


# --- intervals, ranks, differences ------------------------------------------------------------


def test_a_score_has_the_interval_of_what_its_runs_predicted(make: Callable[..., Study]) -> None:
    study = make()
    study.store_result(0, 0, done(0.5, 0.8), {"sst": [1, 1, 1, 1]})  # right, wrong, right, wrong
    study.store_result(0, 1, done(0.75, 0.8), {"sst": [1, 0, 1, 1]})  # right but for the last

    interval = only(study.read()).scores["sst"].interval

    assert interval is not None
    assert (interval.estimate, interval.seeds, interval.examples) == (0.625, 2, 4)
    # MS_seed / 8 = .015625 = MS_residual / 8, and MS_example / 8 = .229167 / 4 = .057292.
    assert interval.error**2 == pytest.approx(0.057292, abs=1e-6)
    assert interval.df == pytest.approx(2.3121, abs=1e-3)


def test_the_gap_and_the_cost_are_means_over_the_runs(make: Callable[..., Study]) -> None:
    study = make()
    study.store_result(0, 0, done(0.5, 0.8, steps=1))
    study.store_result(0, 1, done(0.7, 0.6, steps=3))

    row = only(study.read())

    assert row.cost == Cost(2.0, {"sst": 8.0, "sts": 8.0}, 1.0, 102.0, None)
    gaps = [row.scores["sst"].gap, row.scores["sts"].gap, row.overall.gap]
    assert gaps == pytest.approx([0.4, 0.3, 0.35])  # train is 1.0 everywhere


RIGHT, WRONG = [1, 0, 1, 0], [0, 1, 0, 1]


def test_cells_that_are_told_apart_have_ranks_of_their_own(make: Callable[..., Study]) -> None:
    study = make({}, {"train.lr": 0.1}, {"train.lr": 0.2})
    for seed in (0, 1):
        study.store_result(0, seed, done(0.0, 0.8), {"sst": WRONG})
        study.store_result(1, seed, done(1.0, 0.8), {"sst": RIGHT})
        study.store_result(2, seed, done(0.0, 0.8), {"sst": WRONG})

    board = study.read()

    assert [row.ranks for row in board.rows] == [(2, 3), (1, 1), (2, 3)]
    assert board.detectable is None  # no pair has an error above 0


def test_a_cell_that_is_not_complete_takes_no_rank(make: Callable[..., Study]) -> None:
    study = make({}, {"train.lr": 0.1}, {"train.lr": 0.2})
    for seed in (0, 1):
        study.store_result(0, seed, done(0.0, 0.8), {"sst": WRONG})
        study.store_result(1, seed, done(1.0, 0.8), {"sst": RIGHT})
    study.store_result(2, 0, done(0.5, 0.8))

    board = study.read()
    row = board.rows[2]

    assert [row.ranks for row in board.rows] == [(2, 2), (1, 1), None]
    assert row.scores["sst"].interval is not None
    assert row.scores["sst"].interval.over == "examples, this checkpoint only"
    assert "among 2 of 3 cells, those with all seeds and the tasks sst, sts" in board.notes[2]


def test_delta_m_is_held_against_the_cells_that_train_one_task(make: Callable[..., Study]) -> None:
    study = make({}, {"balancer": "round-robin"}, {"train.lr": 0.1}, {"train.lr": 0.2})
    for seed in (0, 1):
        study.store_result(0, seed, done(0.5, 0.1, untrained=["sts"]), {"sst": RIGHT})
        study.store_result(1, seed, done(0.2, 0.8, untrained=["sst"]), {"sts": LABELS["sts"]})
        study.store_result(2, seed, done(1.0, 0.6), {"sst": RIGHT})
        study.store_result(3, seed, done(0.4, 0.8, untrained=["sts"]))

    board = study.read()
    gains = [row.delta_m for row in board.rows]

    # The mean of +100 % (sst, of 0.5) and -25 % (sts, of 0.8).
    assert [gain and gain.estimate for gain in gains] == [None, None, pytest.approx(37.5), None]
    assert board.notes[-1].endswith("training a task alone (sst: cell 0; sts: cell 1)")


def test_what_a_grid_includes_stands_on_no_axis(make: Callable[..., Study]) -> None:
    study = make({}, {"train.lr": 0.1}, {"train.lr": 0.2})
    levels = ({"train.lr": "1e-5"}, {"train.lr": "0.1"}, {})
    study.cells = [replace(c, levels=own) for c, own in zip(study.cells, levels, strict=True)]
    for cell, seed in itertools.product(range(3), (0, 1)):
        study.store_result(cell, seed, done(1.0, 0.8))

    assert [effect.level for effect in study.read().effects] == ["1e-5", "0.1"]


def test_cells_of_a_grid_that_cannot_be_compared_take_no_part_in_its_effects(
    make: Callable[..., Study],
) -> None:
    study = make({}, {"train.lr": 0.1}, {"tasks": [BASE["tasks"][0]]})
    study.cells = [replace(c, levels={"x": n}) for c, n in zip(study.cells, "abc", strict=True)]
    for cell, seed in itertools.product(range(3), (0, 1)):
        study.store_result(
            cell, seed, done(0.5, 0.8, tasks=("sst", "sts") if cell < 2 else ("sst",))
        )

    effects = study.read().effects

    assert [(one.level, one.matched, one.mean is None) for one in effects] == [
        ("a", 1, False),
        ("b", 1, False),
        ("c", 0, True),
    ]


def test_torn_predictions_are_damage_of_their_cell_alone(make: Callable[..., Study]) -> None:
    study = make({}, {"train.lr": 0.1}, {"train.lr": 0.2})
    for cell, seed in itertools.product(range(3), (0, 1)):
        folder = study.store_result(cell, seed, done(0.5, 0.8))
    (folder.path / PREDICTIONS).write_bytes(b"PK")

    board = study.read()
    torn = board.rows[2]

    assert [row.ranks is None for row in board.rows] == [False, False, True]
    assert [row.status for row in board.rows] == ["done", "done", "damaged"]
    size = torn.reason.partition(" bytes, and ")[0]
    assert size == "seed 1: predictions.npz: 2"
    assert torn.overall.seeds == [0.65]
    assert board.counts["damaged"] == 1


def test_a_search_has_no_main_effects(make: Callable[..., Study]) -> None:
    study = make({}, {"train.lr": 0.1})
    for seed in (0, 1):
        study.store_result(0, seed, done(0.0, 0.8))
        study.store_result(1, seed, done(1.0, 0.8))
    plan = study.plan()
    cells = [
        replace(cell, named=replace(cell.named, levels={"x": str(n)}))
        for n, cell in enumerate(plan.cells)
    ]

    boards = [
        leaderboard(replace(plan, cells=cells, design=design)) for design in ("grid", "staged")
    ]

    assert [len(board.effects) for board in boards] == [2, 0]


def test_readings_of_test_labels_stand_under_the_table(make: Callable[..., Study]) -> None:
    study = make()
    folder = study.store_result(0, 0, done(0.5, 0.5))
    assert not any("test labels" in remark for remark in study.read().remarks)

    other = study.store_result(0, 1, done(0.5, 0.5))
    for run in (folder, folder, other):
        test_uses.log(run, {}, None)
    study.seeds = (0,)

    assert study.read().remarks[-1] == ("test labels of these runs read 2 times so far (1 run)")


def test_nothing_stored_nothing_to_say(make: Callable[..., Study]) -> None:
    board = make().read()

    assert (board.notes, board.remarks, board.effects, only(board).cost) == ([], [], [], None)
