"""The leaderboard: what is known of a plan's cells, as records."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mtbench.board.costs import Cost, cost, gaps, mean, trained
from mtbench.board.effects import Effect, effects
from mtbench.board.ranking import detectable, pairwise, peers, ranks
from mtbench.board.reading import notes
from mtbench.board.references import Difference, differences
from mtbench.board.relative_gain import SingleTaskCells, delta_m, single_task_cells
from mtbench.board.remarks import one_class, remarks
from mtbench.errors import NothingToCompare
from mtbench.evidence.outcomes import OVERALL, CellOutcomes, cell_outcomes
from mtbench.evidence.statistics import Interval
from mtbench.matrix.configuration import Config
from mtbench.store import Result, test_uses
from mtbench.study.plan import Plan, PlannedCell, PlannedRun

Status = Literal[
    "done", "partial", "failed", "running", "missing", "damaged", "rejected", "broken"
]


@dataclass(frozen=True)
class Score:
    """A score of a cell, on dev.

    Attributes:
        mean: over the seeds; None where one is undefined or nothing is stored.
        sd: standard deviation over the seeds; None for fewer than two.
        seeds: one value a stored run, in the order of the seeds; None where undefined.
        paper: the published value, or None.
        untrained: whether no run of the cell trained the task's head.
        interval: of the mean; None where that is.
        gap: score on the sample of train minus that on dev, mean over the runs; None where
            undefined or nothing is stored.
    """

    mean: float | None
    sd: float | None
    seeds: Sequence[float | None]
    paper: float | None
    untrained: bool = False
    interval: Interval | None = None
    gap: float | None = None


@dataclass(frozen=True)
class Row:
    """A cell of the leaderboard.

    Attributes:
        scores: primary metric of each task.
        overall: mean of the tasks' primary metrics.
        runs: the cell's runs, one a seed.
        reason: why the cell was rejected, is broken, failed or is damaged; empty otherwise.
        levels: its place on each axis of a grid.
        ranks: the best and the worst that the cell may have on the overall; None where it is not
            ranked.
        difference: to the cell that it is compared with; None for none.
        delta_m: relative gain over the single-task cells, in percent; None where there is none.
        cost: mean over the stored runs; None without any.
    """

    name: str
    config: Config
    scores: Mapping[str, Score]
    overall: Score
    status: Status
    runs: Sequence[PlannedRun]
    reason: str
    levels: Mapping[str, str] = field(default_factory=dict)
    ranks: tuple[int, int] | None = None
    difference: Difference | None = None
    delta_m: Interval | None = None
    cost: Cost | None = None


@dataclass(frozen=True)
class Leaderboard:
    """A table of cells.

    Attributes:
        metrics: the tasks that occur, each with its primary metric.
        counts: of the plan; see ``Plan.counts``.
        notes: how the numbers are to be read.
        remarks: what was odd about the runs.
        detectable: minimum detectable difference on the overall; None where nothing is ranked.
        effects: of the axes of a grid.
    """

    title: str
    metrics: Mapping[str, str]
    rows: Sequence[Row]
    counts: Mapping[str, int]
    remarks: Sequence[str]
    notes: Sequence[str] = ()
    detectable: float | None = None
    effects: Sequence[Effect] = ()

    def has_all_tasks(self, row: Row) -> bool:
        """Whether a row's overall is over every task of the table."""
        return row.scores.keys() == self.metrics.keys()


def leaderboard(plan: Plan) -> Leaderboard:
    """Read the stored results of a plan.

    A cell whose runs were scored on different examples has means without intervals, and a remark.

    Args:
        plan: as ``outcomes.readable`` returns it.
    """
    records = {run.key: run.folder.record() for _, run in plan.runs("done", "failed")}
    results = {key: of.result for key, of in records.items() if of.result is not None}
    errors = {key: of.failure.error for key, of in records.items() if of.failure is not None}
    requests = [of.request for of in records.values() if of.result and of.request]
    metrics: dict[str, str] = {}
    for cell in plan.cells:
        metrics |= {task: m for task, m in cell.metrics.items() if task not in metrics}
    outcomes, unread = _outcomes(plan)
    done = [[results[run.key] for run in cell.runs if run.key in results] for cell in plan.cells]
    compared = _Comparisons(plan, outcomes, done)
    return Leaderboard(
        title=plan.title,
        metrics=metrics,
        rows=[
            _row(place, cell, done[place], next(_reasons(cell, errors), ""), compared)
            for place, cell in enumerate(plan.cells)
        ],
        counts=plan.counts(),
        remarks=[
            *plan.remarks,
            *unread,
            *remarks(plan, results, requests),
            *one_class(plan, outcomes),
            *filter(None, [_test_uses(plan)]),
        ],
        notes=list(notes(plan, outcomes, compared.ranked, compared.detectable, compared.singles)),
        detectable=compared.detectable,
        effects=compared.effects,
    )


def _outcomes(plan: Plan) -> tuple[list[CellOutcomes | None], list[str]]:
    """Return what each cell made of dev, None where that cannot be told, and why it cannot."""
    outcomes: list[CellOutcomes | None] = []
    unread: list[str] = []
    for cell in plan.cells:
        try:
            outcomes.append(cell_outcomes(cell))
        except NothingToCompare as error:
            outcomes.append(None)
            unread.append(f"no interval and no rank: {cell.name}: {error}")
    return outcomes, unread


def _test_uses(plan: Plan) -> str:
    """Say how often test labels were read for the runs of a plan; empty where they never were."""
    folders = [run.folder for _, run in plan.runs("done", "failed")]
    if not folders:
        return ""
    uses = test_uses.of_runs(folders[0].store, {folder.key for folder in folders})
    return test_uses.summary(uses, what="these runs")


class _Comparisons:
    """What is said of cells beside each other, by their places in the plan."""

    def __init__(
        self,
        plan: Plan,
        outcomes: Sequence[CellOutcomes | None],
        done: Sequence[Sequence[Result]],
    ) -> None:
        self.outcomes = outcomes
        complete = [
            cell if cell and len(cell.seeds) == len(planned.runs) else None
            for planned, cell in zip(plan.cells, outcomes, strict=True)
        ]
        places = peers(complete)
        pairs = pairwise([cell for place in places if (cell := complete[place]) is not None])
        self.ranked = dict(zip(places, ranks(pairs) or (), strict=False))
        self.detectable = detectable(pairs)
        self.differences = differences(plan, outcomes)
        self.trained = [trained(of_cell) for of_cell in done]
        tasks = list(dict.fromkeys(task for cell in plan.cells for task in cell.tasks))
        self.singles: SingleTaskCells = single_task_cells(tasks, outcomes, self.trained)
        # Further cells that a matrix includes stand on no axis.
        on_axes = [n for n, cell in enumerate(plan.cells) if cell.named.levels]
        grid = on_axes if plan.design == "grid" else []
        self.effects = effects(
            [plan.cells[place].named.levels for place in grid],
            [complete[place] if place in places else None for place in grid],
            [bool(plan.cells[place].runs) for place in grid],
        )


def _row(
    place: int,
    cell: PlannedCell,
    done: Sequence[Result],
    reason: str,
    compared: _Comparisons,
) -> Row:
    outcomes = compared.outcomes[place]
    metrics = cell.metrics
    apart = gaps(done, metrics)
    scores = {
        task: _score(
            [result.scores.dev[task][metric] for result in done],
            cell.named.paper.get(task),
            untrained=bool(done) and all(task in result.untrained for result in done),
            interval=outcomes.interval(task) if outcomes else None,
            gap=apart[task],
        )
        for task, metric in metrics.items()
    }
    return Row(
        name=cell.name,
        config=(cell.resolved or cell.named).config,
        scores=scores,
        overall=_score(
            [result.overall for result in done],
            cell.named.paper.get(OVERALL),
            interval=outcomes.interval(OVERALL) if outcomes else None,
            gap=mean(list(apart.values())),
        ),
        status=_status(cell, len(done)),
        runs=cell.runs,
        reason=reason,
        levels=cell.named.levels,
        ranks=compared.ranked.get(place),
        difference=compared.differences[place],
        delta_m=delta_m(outcomes, compared.trained[place], compared.singles.cells),
        cost=cost(done),
    )


def _reasons(cell: PlannedCell, errors: Mapping[str, str]) -> Iterator[str]:
    """Yield why a cell has no runs, what is wrong with its damaged ones, what others died of."""
    if cell.obstacle:
        yield cell.obstacle[1]
    for run in cell.runs:
        if run.damage:
            yield f"seed {run.seed}: {run.damage}"
        elif run.key in errors:
            yield errors[run.key]


def _score(
    values: Sequence[float | None],
    paper: float | None,
    *,
    untrained: bool = False,
    interval: Interval | None,
    gap: float | None,
) -> Score:
    defined = [value for value in values if value is not None]
    return Score(
        mean=mean(values),
        sd=statistics.stdev(defined) if len(defined) == len(values) > 1 else None,
        seeds=list(values),
        paper=paper,
        untrained=untrained,
        interval=interval,
        gap=gap,
    )


def _status(cell: PlannedCell, done: int) -> Status:
    if cell.obstacle is not None:
        return cell.obstacle[0]
    states = {run.state for run in cell.runs}
    if states == {"done"}:
        return "done"
    gravest: Sequence[Status] = ("damaged", "failed", "running")
    return next((s for s in gravest if s in states), "partial" if done else "missing")
