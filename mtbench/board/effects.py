"""Effects: what each axis of a grid does to the overall, over the cells that share the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mtbench.evidence.outcomes import CellOutcomes
from mtbench.evidence.statistics import Interval, Sample, holm_over_seeds, interval

Levels = Mapping[str, str]
Combination = tuple[tuple[str, str], ...]
"""Levels of the other axes."""


@dataclass(frozen=True)
class Effect:
    """A level of an axis.

    Attributes:
        axis: its key.
        level: as cells' names have it.
        mean: of the overall, over the level's matched cells; None where there is none.
        difference: to the axis's first level, over the pairs of cells that share the levels of
            all other axes; None of the first level itself, or where there is no such pair.
        p: two-sided p value of "no difference", adjusted by Holm's procedure over all effects
            of the grid; None where there is no difference, or one seed.
        matched: cells that have a partner: at the first level, or, of the first, at another.
        cells: of the grid, at this level.
    """

    axis: str
    level: str
    mean: float | None
    difference: Interval | None
    p: float | None
    matched: int
    cells: int


def effects(
    levels: Sequence[Levels], cells: Sequence[CellOutcomes | None], planned: Sequence[bool]
) -> list[Effect]:
    """Return the main effects of a grid's axes, in the grid's order.

    Args:
        levels: of every cell on each axis.
        cells: what each made of dev; None for one that takes no part. The others can all be held
            against each other on the overall.
        planned: whether each has runs.

    Returns:
        Nothing of an axis whose first level shares no combination of the others with another
        level; nothing at all where the cells with runs are no grid, and differ in their axes.
    """
    axes = {tuple(place) for place, runs in zip(levels, planned, strict=True) if runs}
    if len(axes) != 1:
        return []
    (names,) = axes
    grid = [place for place in levels if tuple(place) == names]
    usable = {
        tuple(place.items()): cell
        for place, cell in zip(levels, cells, strict=True)
        if cell is not None and tuple(place) == names
    }
    made: list[Effect] = []
    for axis in names:
        values = list(dict.fromkeys(place[axis] for place in grid))
        if len(values) > 1:
            counts = {value: sum(place[axis] == value for place in grid) for value in values}
            effect = list(_axis(axis, values, counts, usable))
            made += effect if any(level.matched for level in effect) else []
    adjusted = holm_over_seeds([level.difference for level in made])
    return [replace(level, p=p) for level, p in zip(made, adjusted, strict=True)]


def _axis(
    axis: str,
    values: Sequence[str],
    counts: Mapping[str, int],
    usable: Mapping[Combination, CellOutcomes],
) -> Iterator[Effect]:
    """Yield the effects of one axis, still without their p values."""
    at: dict[str, dict[Combination, CellOutcomes]] = {value: {} for value in values}
    for place, cell in usable.items():
        rest = tuple(item for item in place if item[0] != axis)
        at[dict(place)[axis]][rest] = cell
    first, *others = values
    partners = {rest for value in others for rest in at[value] if rest in at[first]}
    mean = _mean([at[first][rest] for rest in at[first] if rest in partners])
    yield Effect(axis, first, mean, None, None, len(partners), counts[first])
    for value in others:
        matched = [rest for rest in at[value] if rest in at[first]]
        own, base = ([at[level][rest] for rest in matched] for level in (value, first))
        yield Effect(
            axis,
            value,
            _mean(own),
            _difference(own, base) if matched else None,
            None,
            len(matched),
            counts[value],
        )


def _mean(cells: Sequence[CellOutcomes]) -> float | None:
    if not cells:
        return None
    return float(np.mean([sample.scores.mean() for sample in _averaged(cells).values()]))


def _difference(own: Sequence[CellOutcomes], base: Sequence[CellOutcomes]) -> Interval | None:
    first, second = _averaged(own), _averaged(base)
    return interval([first[task] - second[task] for task in first])


def _averaged(cells: Sequence[CellOutcomes]) -> dict[str, Sample]:
    """Return a sample a task, the mean over cells that share seeds, tasks and examples."""
    averaged = {}
    for task in cells[0].tasks:
        samples = [sample for cell in cells for sample in cell.samples(task) or []]
        averaged[task] = Sample(
            np.mean([sample.scores for sample in samples], axis=0),
            np.mean([sample.outcomes for sample in samples], axis=0),
        )
    return averaged
