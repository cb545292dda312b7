"""Reading: what the numbers of a leaderboard mean, in a few sentences for under the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mtbench.board.relative_gain import SingleTaskCells
from mtbench.evidence.outcomes import CellOutcomes
from mtbench.evidence.statistics import ALPHA, LEVEL, POWER
from mtbench.study.plan import Plan

UNTRAINED = "†"
"""Marks the score of a head that was not trained."""
SINGLE = "‡"
"""Marks a score of one seed, in a table of several."""
FEWER = "‖"
"""Marks an overall over fewer tasks than the table has."""
SIGNIFICANT = "*"
"""Marks a difference that is told apart from 0."""


def notes(
    plan: Plan,
    cells: Sequence[CellOutcomes | None],
    ranked: Mapping[int, tuple[int, int]],
    detectable: float | None,
    singles: SingleTaskCells,
) -> Iterator[str]:
    """Yield how the numbers are to be read.

    Args:
        cells: what the plan's cells made of dev; None for nothing.
        ranked: the ranks of cells, by their places.
        detectable: the minimum detectable difference on the overall.
        singles: what delta-m is taken against.
    """
    stored = [cell for cell in cells if cell is not None]
    if not stored:
        return
    yield _intervals(stored)
    yield from _chance(stored)
    tasks = {task for cell in plan.cells for task in cell.tasks}
    if any(cell.tasks.keys() != tasks for cell in stored):
        yield f"{FEWER} overall of fewer tasks than the table has: not comparable"
    if ranked:
        yield _ranks(plan, ranked)
    if detectable is not None:
        yield (
            f"minimum detectable difference on the overall: {detectable:.3f} (two typical cells "
            f"of this table, a test at {ALPHA:.0%}, power {POWER:.0%})"
        )
    if any(cell.named.against for cell in plan.cells):
        yield _differences(plan, cells)
    if singles.refusal:
        yield f"no delta-m, the gain over single-task cells: {singles.refusal}"
    else:
        named = "; ".join(f"{task}: {cell.name}" for task, cell in singles.cells.items())
        yield f"delta-m: mean change in percent relative to training a task alone ({named})"


def _intervals(stored: Sequence[CellOutcomes]) -> str:
    """Say what intervals are over, and how many of each."""
    seeds = sorted({len(cell.seeds) for cell in stored})
    over = "seeds and examples" if seeds[-1] > 1 else "examples, this checkpoint only"
    runs = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    text = (
        f"±: half of the {LEVEL:.0%} interval of the mean, over {over} "
        f"(seeds: {runs}; dev: {_examples(stored)})"
    )
    if seeds[0] == 1 < seeds[-1]:
        text += f"; {SINGLE} one seed: over examples, this checkpoint only"
    return text


def _chance(stored: Sequence[CellOutcomes]) -> Iterator[str]:
    """Yield what an accuracy is without learning anything, all values that occur."""
    shares: dict[str, set[float]] = {}
    for cell in stored:
        for name, task in cell.tasks.items():
            if task.metric == "accuracy" and task.largest is not None:
                shares.setdefault(name, set()).add(task.largest)
    if shares:
        named = ", ".join(
            f"{name} {' or '.join(f'{share:.3f}' for share in sorted(of_task))}"
            for name, of_task in shares.items()
        )
        yield f"chance, the share of the largest class of dev: {named}"


def _examples(stored: Sequence[CellOutcomes]) -> str:
    """Name the dev examples of each task, all sizes that occur."""
    sizes: dict[str, set[int]] = {}
    for cell in stored:
        for name, task in cell.tasks.items():
            if task.sample is not None:
                sizes.setdefault(name, set()).add(task.sample.outcomes.shape[1])
    return ", ".join(
        f"{name} {' or '.join(f'{size:,}' for size in sorted(of_task))}"
        for name, of_task in sizes.items()
    )


def _ranks(plan: Plan, ranked: Mapping[int, tuple[int, int]]) -> str:
    """Say what ranks are among; a cell that has none is not told apart by its name alone."""
    with_runs = sum(bool(cell.runs) for cell in plan.cells)
    among = "" if len(ranked) == with_runs else f" among {len(ranked)} of {with_runs} cells"
    if among:
        tasks = ", ".join(plan.cells[next(iter(ranked))].tasks)
        among += f", those with all seeds and the tasks {tasks}"
    return (
        f"rank: 1 + cells significantly better to k - cells significantly worse on the overall"
        f"{among} (paired over seeds and examples, Holm over all pairs)"
    )


def _differences(plan: Plan, cells: Sequence[CellOutcomes | None]) -> str:
    """Say what the column of differences is to, and what its mark means."""
    names = [cell.name for cell in plan.cells]
    against = [cell.named.against for cell in plan.cells]
    against = [name if name in names else "" for name in against]
    if not any(against):
        missing = next(cell.named.against for cell in plan.cells if cell.named.against)
        return f"no differences: {missing!r}, which they would be to, is not in this table"
    seeds = max(len(cell.seeds) for cell in cells if cell is not None)
    test = (
        f"{SIGNIFICANT} p < {ALPHA:.2f}, Holm over the column"
        if seeds > 1
        else "one seed, so no test"
    )
    to = compared_with(names, against) or "to the cell named"
    return f"difference: {to}, on the overall, paired ({test})"


def compared_with(names: Sequence[str], against: Sequence[str]) -> str:
    """Say in one phrase what cells are compared with; empty where that takes more.

    Args:
        names: of the cells, in the order of the table.
        against: what each is compared with; empty for nothing.
    """
    references = {name for name in against if name}
    if len(references) == 1:
        return f"to {next(iter(references))!r}"
    ladder = all(name in ("", above) for name, above in zip(against, ["", *names], strict=False))
    return "to the row above" if ladder else ""
