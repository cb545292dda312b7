"""Comparison: two cells held against each other, and two matrices or stores cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtbench.comparison.differences import ScoreDifference, differences
from mtbench.comparison.discrepancies import (
    Discrepancy,
    Pairing,
    configuration,
    environment,
    pairing,
)
from mtbench.comparison.flips import Flips, cell_flips, with_texts
from mtbench.comparison.subjects import ComparedCell, Side
from mtbench.errors import NothingToCompare
from mtbench.evidence.outcomes import comparable
from mtbench.evidence.statistics import holm


@dataclass(frozen=True)
class ComparedPair:
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

    a: ComparedCell
    b: ComparedCell
    seeds: Sequence[tuple[int, int]]
    configuration: Sequence[Discrepancy]
    environment: Sequence[Discrepancy]
    pairing: Pairing | None
    differences: Sequence[ScoreDifference]
    flips: Sequence[Flips]
    remarks: Sequence[str]

    @property
    def overall(self) -> ScoreDifference:
        """The last of the differences."""
        return self.differences[-1]

    @property
    def identical(self) -> bool:
        """Whether the two have the same tasks and made the same of every example."""
        return all(difference.identical for difference in self.differences)

    @property
    def over(self) -> str:
        """What the intervals generalise over."""
        return next((d.interval.over for d in self.differences if d.interval is not None), "")


@dataclass(frozen=True)
class Comparisons:
    """Two sides, A and B, cell by cell.

    Attributes:
        a, b: what they are called.
        pairs: at least one.
        only_a, only_b: cells that only one of them has.
        absent: cells that cannot be compared, and why.
        single: whether each side is one cell.
    """

    a: str
    b: str
    pairs: Sequence[ComparedPair]
    only_a: Sequence[str] = ()
    only_b: Sequence[str] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    single: bool = True

    @property
    def adjusted(self) -> list[float | None]:
        """P values of the pairs' overall differences, Holm's over the pairs."""
        return holm([pair.overall.p for pair in self.pairs])

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
        NothingToCompare: if nothing of a side is stored, the sides have no cell in common, or a
            pair of single cells has no task or no seed in common.
        UsageError: if one side is a single cell and the other has none of its name.
    """
    for side in (a, b):
        if not side.cells:
            raise NothingToCompare(f"nothing of {side.title} is stored{_reasons(side.absent)}")
    if a.single or b.single:
        left = a.cells[0] if a.single else a.cell(b.cells[0].name)
        right = b.cells[0] if b.single else b.cell(a.cells[0].name)
        pair = compare(left, right, examples=examples, data_dir=data_dir)
        return Comparisons(a.title, b.title, [pair])
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
        raise NothingToCompare(
            f"{a.title} and {b.title} have no cell to compare{_reasons(absent)}"
        )
    return Comparisons(
        a.title,
        b.title,
        pairs,
        only_a=[cell.name for cell in a.cells if cell.name not in names[1]],
        only_b=[cell.name for cell in b.cells if cell.name not in names[0]],
        absent=absent,
        single=False,
    )


def _reasons(absent: Mapping[str, str]) -> str:
    """Say in brackets why the first few cells cannot be compared; nothing where there are none."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in [*absent.items()][:3])
    return f" ({reasons})" if reasons else ""


def compare(
    a: ComparedCell, b: ComparedCell, *, examples: int = 0, data_dir: Path | None = None
) -> ComparedPair:
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
    flips = cell_flips(a, b, seeds, shared, shown=examples)
    if examples:
        flips = with_texts(flips, a, data_dir)
    same = {flip.task for flip in flips if flip.identical}
    return ComparedPair(
        a=a,
        b=b,
        seeds=seeds,
        configuration=configuration(a, b),
        environment=environment(a, b),
        pairing=pairing(a, b, seeds) if seeds else None,
        differences=differences(tasks, *sides, paired=bool(seeds), identical=same),
        flips=flips,
        remarks=list(_remarks(a, b, seeds)),
    )


def _pairs(a: ComparedCell, b: ComparedCell) -> list[tuple[int, int]]:
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


def _remarks(a: ComparedCell, b: ComparedCell, seeds: Sequence[tuple[int, int]]) -> Iterator[str]:
    if {folder.path for folder in a.runs.values()} == {f.path for f in b.runs.values()}:
        yield "A and B are the same stored runs"
    if not seeds:
        yield (
            f"no seed in common (A: {_listed(a.runs)}; B: {_listed(b.runs)}): the runs are "
            "compared as independent samples, and no example is paired"
        )
    elif len(seeds) == 1:
        (of_a, of_b), *_ = seeds
        which = f"seed {of_a}" if of_a == of_b else f"seeds {of_a} and {of_b}, which differ"
        yield f"one run each ({which}): the intervals are over examples, this checkpoint only"
    for name, side, index in (("A", a, 0), ("B", b, 1)):
        used = [pair[index] for pair in seeds]
        alone = [seed for seed in side.runs if seeds and seed not in used]
        if alone:
            yield f"seeds that only {name} has, not compared: {_listed(alone)}"
        if side.missing:
            yield f"seeds of {name} without a score: {_listed(side.missing)}"
    yield from _choices(a, b)
    for name, side, opposite in (("A", a, b), ("B", b, a)):
        if alone_tasks := [task for task in side.metrics if task not in opposite.metrics]:
            yield f"tasks that only {name} has: {', '.join(alone_tasks)}"


def _choices(a: ComparedCell, b: ComparedCell) -> Iterator[str]:
    """Yield what is to be known of the choice of the runs, once where it is the same of both."""
    sides: dict[str, list[str]] = {}
    for name, side in (("A", a), ("B", b)):
        sides.setdefault(side.remark, []).append(name)
    yield from (f"{' and '.join(names)}: {remark}" for remark, names in sides.items() if remark)


def records(pair: ComparedPair) -> list[dict[str, Any]]:
    """Return a record a task and one for the overall, numbers unrounded, None where there is none.

    Their keys: ``cell_a``, ``cell_b``, ``what`` (a task or ``"overall"``), ``metric``, ``a``,
    ``b``, ``difference`` (B - A), ``low``, ``high``, ``p``, ``p_holm`` (over the tasks),
    ``seeds``, ``examples``, ``over``, ``identical``, ``lost``, ``won``, ``reason``.
    """
    flips = {flip.task: flip for flip in pair.flips}
    return [_record(pair, d, flips.get(d.what)) for d in pair.differences]


def _record(pair: ComparedPair, d: ScoreDifference, flip: Flips | None) -> dict[str, Any]:
    interval = d.interval
    return {
        "cell_a": pair.a.name,
        "cell_b": pair.b.name,
        "what": d.what,
        "metric": d.metric,
        "a": d.a,
        "b": d.b,
        "difference": interval and interval.estimate,
        "low": interval and interval.low,
        "high": interval and interval.high,
        "p": d.p,
        "p_holm": d.p_adjusted,
        "seeds": interval and interval.seeds,
        "examples": interval and interval.examples,
        "over": interval.over if interval else "",
        "identical": d.identical,
        "lost": flip and flip.lost,
        "won": flip and flip.won,
        "reason": d.reason,
    }
