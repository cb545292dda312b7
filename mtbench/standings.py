"""The leaderboard: the stored scores of a plan's cells, as records."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mtbench.configuration import Config
from mtbench.planning import Plan, PlannedCell, PlannedRun
from mtbench.store import REQUEST, RESULT, Store

DIGITS = 3
"""Digits of a score in every format; a dev set of a thousand rows bears no more."""

Status = Literal["done", "partial", "failed", "running", "missing", "rejected", "broken"]


@dataclass(frozen=True)
class Score:
    """A score of a cell, on dev.

    Attributes:
        mean: over the seeds; None where one is undefined or nothing is stored.
        sd: standard deviation over the seeds; None for fewer than two.
        seeds: one value a stored run, in the order of the seeds; None where undefined.
        paper: the published value, or None.
        untrained: whether no run of the cell trained the task's head.
    """

    mean: float | None
    sd: float | None
    seeds: Sequence[float | None]
    paper: float | None
    untrained: bool = False


@dataclass(frozen=True)
class Row:
    """A cell of the leaderboard.

    Attributes:
        scores: primary metric of each task.
        overall: mean of the tasks' primary metrics.
        runs: the cell's runs, one a seed.
        reason: why the cell was rejected, is broken or failed; empty otherwise.
    """

    name: str
    config: Config
    scores: Mapping[str, Score]
    overall: Score
    status: Status
    runs: Sequence[PlannedRun]
    reason: str


@dataclass(frozen=True)
class Leaderboard:
    """A table of cells.

    Attributes:
        metrics: the tasks that occur, each with its primary metric.
        counts: of the plan; see ``Plan.counts``.
        remarks: what a reader must know to read the table right.
    """

    title: str
    metrics: Mapping[str, str]
    rows: Sequence[Row]
    counts: Mapping[str, int]
    remarks: Sequence[str]


def leaderboard(plan: Plan, store: Store) -> Leaderboard:
    """Read the stored results of a plan."""
    results = {run.key: store.run(run.key).read(RESULT) for _, run in plan.runs("done", "failed")}
    metrics: dict[str, str] = {}
    for cell in plan.cells:
        for task, entry in cell.tasks.items():
            metrics.setdefault(task, entry.info.metrics[0])
    requests = [
        store.run(key).read(REQUEST) for key, result in results.items() if _is_done(result)
    ]
    stored = {key: result for key, result in results.items() if result is not None}
    return Leaderboard(
        title=plan.title,
        metrics=metrics,
        rows=[_row(cell, stored) for cell in plan.cells],
        counts=plan.counts(),
        remarks=[
            *plan.remarks,
            *_remarks(plan, stored, [r for r in requests if r is not None]),
        ],
    )


def _is_done(result: Mapping[str, Any] | None) -> bool:
    return result is not None and result["status"] == "done"


def _row(cell: PlannedCell, results: Mapping[str, Any]) -> Row:
    runs = [results[run.key] for run in cell.runs if run.key in results]
    done = [result for result in runs if _is_done(result)]
    scores = {
        task: _score(
            [result["scores"]["dev"][task][entry.info.metrics[0]] for result in done],
            cell.paper.get(task),
            untrained=bool(done) and all(task in result["untrained"] for result in done),
        )
        for task, entry in cell.tasks.items()
    }
    errors = [result["error"] for result in runs if not _is_done(result)]
    reasons = [cell.obstacle[1]] if cell.obstacle else errors
    return Row(
        name=cell.name,
        config=cell.config,
        scores=scores,
        overall=_score([result["overall"] for result in done], cell.paper.get("overall")),
        status=_status(cell, len(done)),
        runs=cell.runs,
        reason=reasons[0] if reasons else "",
    )


def _score(
    values: Sequence[float | None], paper: float | None, *, untrained: bool = False
) -> Score:
    defined = [value for value in values if value is not None]
    complete = bool(values) and len(defined) == len(values)
    return Score(
        mean=round(statistics.fmean(defined), DIGITS) if complete else None,
        sd=round(statistics.stdev(defined), DIGITS) if complete and len(defined) > 1 else None,
        seeds=[None if value is None else round(value, DIGITS) for value in values],
        paper=paper,
        untrained=untrained,
    )


def _status(cell: PlannedCell, done: int) -> Status:
    if cell.obstacle is not None:
        return cell.obstacle[0]
    states = {run.state for run in cell.runs}
    if states == {"done"}:
        return "done"
    if "failed" in states:
        return "failed"
    if "running" in states:
        return "running"
    return "partial" if done else "missing"


def _remarks(
    plan: Plan, results: Mapping[str, Any], requests: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield what a reader must know to read the table right."""
    done = [result for result in results.values() if _is_done(result)]
    if not done:
        return
    if any(result["untrained"] for result in done):
        yield (
            "untrained: the task gave no batch, so its head kept its first weights; "
            "the score counts towards overall but says nothing about the task"
        )
    if len(plan.seeds) == 1:
        yield "one seed: a difference between rows may be the seed's as well as the cell's"
    steps = sorted({result["cost"]["steps"] for result in done})
    if len(steps) > 1:
        yield f"unequal budget: the cells took from {steps[0]} to {steps[-1]} optimiser steps"
    evaluations = sorted({result["evaluations"] for result in done})
    if evaluations[-1] > 1:
        yield "selected on dev: each run is the best of several evaluations on dev"
    if len(evaluations) > 1:
        yield (
            f"unequal selection: the runs chose among {evaluations[0]} to {evaluations[-1]} "
            "evaluations, which favours those with more"
        )
    yield from _rows_left_out(done)
    mixed = _differing([_versions(request) for request in requests])
    if mixed:
        yield f"mixed versions: the runs were made with different {', '.join(mixed)}"
    yield from _same_cells(plan)
    yield from _equal_cells(plan, results)
    yield from dict.fromkeys(
        cell.caveat
        for cell in plan.cells
        if cell.caveat and any(_is_done(results.get(run.key)) for run in cell.runs)
    )
    notes = [f"{cell.name}: {cell.note}" for cell in plan.cells if cell.note]
    yield from notes


def _rows_left_out(done: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the broken rows that runs did without, the most of any run."""
    most: dict[tuple[str, str], int] = {}
    for result in done:
        for task, splits in result["left_out"].items():
            for split, count in splits.items():
                most[task, split] = max(count, most.get((task, split), 0))
    for (task, split), count in most.items():
        if count:
            yield (
                f"{task}: {count} broken row(s) of {split} left out "
                "('mtbench data status' lists them)"
            )


def _versions(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of packages and of the plugins' distributions."""
    providers = (provider.rpartition(" ") for provider in request["providers"].values())
    # The harness says its own: that of an editable installation is the one it was installed with.
    return {**{name: version for name, _, version in providers if name}, **request["versions"]}


def _differing(records: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the keys under which two records that have them hold different values."""
    found: dict[str, set[str]] = {}
    for record in records:
        for key, value in record.items():
            found.setdefault(key, set()).add(value)
    return sorted(key for key, values in found.items() if len(values) > 1)


def _equal_cells(plan: Plan, results: Mapping[str, Any]) -> Iterator[str]:
    """Yield cells that differ, and whose runs gave the same numbers from the same batches."""
    names: dict[str, dict[str, str]] = {}
    for cell in plan.cells:
        runs = [results[run.key] for run in cell.runs if run.key in results]
        if runs and all(_is_done(result) for result in runs):
            outcome = repr([(r["hashes"]["batches"], r["scores"]["dev"]) for r in runs])
            names.setdefault(outcome, {})[cell.runs[0].key] = cell.name
    for same in names.values():
        if len(same) > 1:
            yield (
                "the same batches and the same numbers, so what they differ in never came "
                f"into play: {'; '.join(same.values())}"
            )


def _same_cells(plan: Plan) -> Iterator[str]:
    """Yield the names under which one and the same cell stands in the table."""
    names: dict[str, list[str]] = {}
    for cell in plan.cells:
        if cell.runs:
            names.setdefault(cell.runs[0].key, []).append(cell.name)
    for same in names.values():
        if len(same) > 1:
            yield f"one cell under {len(same)} names, trained once: {'; '.join(same)}"
