"""Relative gain: what training tasks together gives over training each alone, as delta-m.

Maninis, Radosavovic and Kokkinos 2019, Attentive Single-Tasking of Multiple Tasks (evaluation);
Vandenhende et al. 2021, Multi-Task Learning for Dense Prediction Tasks: A Survey. With T tasks,
the score M of the cell and B of the single-task cell, both means over the same seeds,

    delta-m = 100 / T * sum over tasks of (M - B) / B, in percent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtbench.evidence.outcomes import CellOutcomes, comparable
from mtbench.evidence.statistics import Interval, Sample, interval

SMALLEST = 0.05
"""Single-task score that a change is taken relative to; of less, a change of .01, which is within
the interval of a dev set of a thousand rows, would already be a fifth."""


@dataclass(frozen=True)
class SingleTaskCells:
    """The single-task cells of a matrix.

    Attributes:
        cells: of each task, in the tasks' order; none where delta-m is refused.
        refusal: why it is; empty where it is not.
    """

    cells: Mapping[str, CellOutcomes]
    refusal: str = ""


def single_task_cells(
    tasks: Sequence[str],
    cells: Sequence[CellOutcomes | None],
    trained: Sequence[set[str]],
) -> SingleTaskCells:
    """Find the single-task cell of every task: the first whose runs trained that task alone.

    Args:
        tasks: of the matrix.
        cells: what its cells made of dev; None for nothing.
        trained: the tasks that each cell's runs trained.
    """
    if len(tasks) == 1:
        return SingleTaskCells({}, "there is one task")
    singles: dict[str, CellOutcomes] = {}
    for cell, own in zip(cells, trained, strict=True):
        if cell is not None and len(own) == 1:
            singles.setdefault(next(iter(own)), cell)
    missing = [task for task in tasks if task not in singles]
    if missing:
        which = "one task alone" if len(missing) == len(tasks) else f"{', '.join(missing)} alone"
        return SingleTaskCells({}, f"no cell trains {which}")
    refusal = next(filter(None, (_refusal(task, singles[task]) for task in tasks)), "")
    return SingleTaskCells({} if refusal else {task: singles[task] for task in tasks}, refusal)


def _refusal(task: str, cell: CellOutcomes) -> str:
    """Say why nothing is taken relative to a single-task score; empty where it can be."""
    score = cell.interval(task)
    where = f"{task} trained alone ({cell.name})"
    if score is None:
        return f"{where} has no score"
    if score.estimate < SMALLEST or score.low <= 0:
        return (
            f"{where} scores {score.estimate:.3f}, in [{score.low:.3f}, {score.high:.3f}]: "
            "a change relative to what is so near 0 says nothing"
        )
    return ""


def delta_m(
    cell: CellOutcomes | None, trained: set[str], singles: Mapping[str, CellOutcomes]
) -> Interval | None:
    """Return delta-m of a cell, in percent.

    The interval is that of the linear part of the mean over tasks of M / B (delta method), taken
    as any other: seeds and examples crossed, and paired with those of the single-task cells.

    Returns:
        None for a cell that did not train all of its tasks, and more than one; or that has no
        seed or not the examples in common with a single-task cell.
    """
    if cell is None or not singles or len(trained) < 2 or trained != {*cell.tasks}:
        return None
    if not all(comparable(cell, singles[task], task) for task in cell.tasks):
        return None
    seeds = [seed for seed in cell.seeds if all(seed in singles[t].seeds for t in cell.tasks)]
    if not seeds:
        return None
    relative = []
    for task in cell.tasks:
        own, single = cell.at(seeds).samples(task), singles[task].at(seeds).samples(task)
        if own is None or single is None:
            return None
        relative.append(_relative(own[0], single[0]))
    return interval(relative)


def _relative(own: Sample, single: Sample) -> Sample:
    """Return 100 (M - B) / B, linear in what seeds and examples contribute to M and B."""
    base = single.scores.mean()
    ratio = own.scores.mean() / base
    return Sample(
        100 * ((own.scores - ratio * single.scores) / base + ratio - 1),
        100 * (own.outcomes - ratio * single.outcomes) / base,
    )
