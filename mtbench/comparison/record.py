"""Comparison: two cells held against each other, and two matrices or stores cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtbench.comparison.differences import Difference, adjusted, differences
from mtbench.comparison.discrepancies import (
    Discrepancy,
    Pairing,
    configuration,
    environment,
    pairing,
)
from mtbench.comparison.flips import Flips, cell_flips, with_texts
from mtbench.comparison.subjects import Side, Subject
from mtbench.errors import NothingToCompare
from mtbench.evidence.outcomes import OVERALL, comparable


@dataclass(frozen=True)
class Comparison:
    """Two cells, A and B.

    Attributes:
        seeds: of the runs that are compared, A's and B's beside it; none where the two have no
            seed in common and are compared unpaired.
        configuration, environment: what differs.
        pairing: what the compared runs have in common; None where they are unpaired.
        differences: one a task of both, then the overall one.
        flips: one a task that is compared in pairs.
        remarks: what a reader must know to read the numbers right.
    """

    a: Subject
    b: Subject
    seeds: Sequence[tuple[int, int]]
    configuration: Sequence[Discrepancy]
    environment: Sequence[Discrepancy]
    pairing: Pairing | None
    differences: Sequence[Difference]
    flips: Sequence[Flips]
    remarks: Sequence[str]

    @property
    def overall(self) -> Difference:
        """The last of the differences."""
        return self.differences[-1]

    @property
    def identical(self) -> bool:
        """Whether the two have the same tasks and made the same of every example."""
        return all(difference.identical for difference in self.differences)

    @property
    def over(self) -> str:
        """What the intervals generalise over."""
        found = [d.interval for d in self.differences if d.interval is not None]
        return found[0].over if found else ""


@dataclass(frozen=True)
class Comparisons:
    """Two sides, A and B, cell by cell.

    Attributes:
        a, b: what they are called.
        pairs: at least one.
        adjusted: p values of the pairs' overall differences, Holm's over the pairs.
        only_a, only_b: cells that only one of them has.
        absent: cells that cannot be compared, and why.
        single: whether each side is one cell.
    """

    a: str
    b: str
    pairs: Sequence[Comparison]
    adjusted: Sequence[float | None]
    only_a: Sequence[str] = ()
    only_b: Sequence[str] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    single: bool = True

    def check_compared(self) -> None:
        """Make sure that something was compared.

        Raises:
            NothingToCompare: if there is no interval of any difference.
        """
        reasons = [d.reason for pair in self.pairs for d in pair.differences if not d.interval]
        if len(reasons) == sum(len(pair.differences) for pair in self.pairs):
            raise NothingToCompare(f"no score can be compared: {reasons[0]}")


def compare_sides(
    a: Side, b: Side, *, examples: int = 0, data_dir: Path | None = None
) -> Comparisons:
    """Compare two sides: one cell with one, or all cells of both by their names.

    Where one side is a single cell, it is compared with the other's of its name.

    Args:
        examples: how many examples to name of those that flipped, a task and direction.
        data_dir: where the data lie now; None for where they lay when A's runs were trained.

    Raises:
        NothingToCompare: if the sides have no cell in common, or a pair of single cells has no
            task or no seed in common.
        UsageError: if one side is a single cell and the other has none of its name.
    """
    if a.single or b.single:
        left = a.cells[0] if a.single else a.cell(b.cells[0].name)
        right = b.cells[0] if b.single else b.cell(a.cells[0].name)
        pair = compare(left, right, examples=examples, data_dir=data_dir)
        return Comparisons(a.title, b.title, [pair], [_p(pair)])
    names = [{*(cell.name for cell in side.cells), *side.absent} for side in (a, b)]
    absent = {**a.absent, **b.absent}
    pairs = []
    for cell in a.cells:
        if cell.name not in names[1] or cell.name in absent:
            continue
        try:
            pairs.append(compare(cell, b.cell(cell.name), examples=examples, data_dir=data_dir))
        except NothingToCompare as reason:
            absent[cell.name] = str(reason)
    if not pairs:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in [*absent.items()][:3])
        raise NothingToCompare(
            f"{a.title} and {b.title} have no cell to compare"
            + (f" ({reasons})" if reasons else "")
        )
    return Comparisons(
        a.title,
        b.title,
        pairs,
        adjusted([_p(pair) for pair in pairs]),
        only_a=[cell.name for cell in a.cells if cell.name not in names[1]],
        only_b=[cell.name for cell in b.cells if cell.name not in names[0]],
        absent=absent,
        single=False,
    )


def _p(pair: Comparison) -> float | None:
    return None if pair.overall.interval is None else pair.overall.interval.p


def compare(
    a: Subject, b: Subject, *, examples: int = 0, data_dir: Path | None = None
) -> Comparison:
    """Compare two cells.

    Runs of a seed that both have are compared in pairs; so are two single runs of different
    seeds, which says something of these two checkpoints. Otherwise, with two seeds or more on
    both sides, the runs are independent samples.

    Raises:
        NothingToCompare: if they have no task in common, or no seed while one has a single one.
    """
    tasks = [task for task in a.metrics if task in b.metrics]
    if not tasks:
        raise NothingToCompare(
            f"no task in common: {', '.join(a.metrics)} of {a.address}; "
            f"{', '.join(b.metrics)} of {b.address}"
        )
    seeds = _pairs(a, b)
    sides = (a.outcomes, b.outcomes)
    if seeds:
        sides = (a.outcomes.at([s for s, _ in seeds]), b.outcomes.at([s for _, s in seeds]))
    shared = [task for task in tasks if comparable(*sides, task)]
    found = cell_flips(a, b, seeds, shared, shown=examples)
    if examples:
        found = with_texts(found, a, data_dir)
    same = {flip.task for flip in found if flip.identical}
    return Comparison(
        a=a,
        b=b,
        seeds=seeds,
        configuration=configuration(a, b),
        environment=environment(a, b),
        pairing=pairing(a, b, seeds) if seeds else None,
        differences=differences(tasks, *sides, paired=bool(seeds), identical=same),
        flips=found,
        remarks=list(_remarks(a, b, seeds)),
    )


def _pairs(a: Subject, b: Subject) -> list[tuple[int, int]]:
    """Return which runs are compared with which; none where they are independent samples."""
    common = [(seed, seed) for seed in a.runs if seed in b.runs]
    if common:
        return common
    if len(a.runs) == len(b.runs) == 1:
        return [(next(iter(a.runs)), next(iter(b.runs)))]
    if min(len(a.runs), len(b.runs)) == 1:
        raise NothingToCompare(
            f"no seed in common: {_listed(a.runs)} of {a.address}; {_listed(b.runs)} of "
            f"{b.address}; without one, each needs two seeds or more"
        )
    return []


def _listed(seeds: Sequence[int] | Mapping[int, Any]) -> str:
    return ", ".join(map(str, seeds))


def _remarks(a: Subject, b: Subject, seeds: Sequence[tuple[int, int]]) -> Iterator[str]:
    if {folder.path for folder in a.runs.values()} == {f.path for f in b.runs.values()}:
        yield "A and B are the same stored runs"
    if not seeds:
        yield (
            f"no seed in common (A: {_listed(a.runs)}; B: {_listed(b.runs)}): the runs are "
            "compared as independent samples, and no example is paired"
        )
    elif len(seeds) == 1:
        (one, other), *_ = seeds
        which = f"seed {one}" if one == other else f"seeds {one} and {other}, which differ"
        yield f"one run each ({which}): the intervals are over examples, this checkpoint only"
    for name, side, index in (("A", a, 0), ("B", b, 1)):
        used = [pair[index] for pair in seeds]
        alone = [seed for seed in side.runs if seeds and seed not in used]
        if alone:
            yield f"seeds that only {name} has, not compared: {_listed(alone)}"
        if side.missing:
            yield f"seeds of {name} without a score: {_listed(side.missing)}"
        if side.remark:
            yield f"{name}: {side.remark}"
    for name, side, others in (("A", a, b), ("B", b, a)):
        if alone_tasks := [task for task in side.metrics if task not in others.metrics]:
            yield f"tasks that only {name} has: {', '.join(alone_tasks)}"


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """Return a record a task and one for the overall, numbers unrounded, None where there is none.

    Their keys: ``cell_a``, ``cell_b``, ``what`` (a task or ``"overall"``), ``metric``, ``a``,
    ``b``, ``difference`` (B - A), ``low``, ``high``, ``p``, ``p_holm`` (over the tasks),
    ``seeds``, ``examples``, ``over``, ``identical``, ``lost``, ``won``, ``reason``.
    """
    changed = {flip.task: flip for flip in comparison.flips}
    return [_record(comparison, d, changed.get(d.what)) for d in comparison.differences]


def all_records(found: Comparisons) -> list[dict[str, Any]]:
    """Return the records of all pairs; ``p_holm_cells`` is that of an overall over the pairs."""
    return [
        record | {"p_holm_cells": adjusted if record["what"] == OVERALL else None}
        for pair, adjusted in zip(found.pairs, found.adjusted, strict=True)
        for record in records(pair)
    ]


def _record(comparison: Comparison, d: Difference, flip: Flips | None) -> dict[str, Any]:
    found = d.interval
    return {
        "cell_a": comparison.a.name,
        "cell_b": comparison.b.name,
        "what": d.what,
        "metric": d.metric,
        "a": d.a,
        "b": d.b,
        "difference": None if found is None else found.estimate,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "p": None if found is None else found.p,
        "p_holm": d.p_adjusted,
        "seeds": None if found is None else found.seeds,
        "examples": None if found is None else found.examples,
        "over": "" if found is None else found.over,
        "identical": d.identical,
        "lost": None if flip is None else flip.lost,
        "won": None if flip is None else flip.won,
        "reason": d.reason,
    }
