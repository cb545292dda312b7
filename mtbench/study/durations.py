"""Durations: how long the runs of a plan will take, from what is stored."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from mtbench.devices import hardware
from mtbench.errors import counted
from mtbench.executors.process import default_jobs
from mtbench.store import Request, StoredResult, StoredTiming
from mtbench.store.timings import comparable, read_timings
from mtbench.study.cost_relatives import (
    Breakdown,
    CostRelatives,
    Evidence,
    Family,
    Grade,
    cost_leaves,
)
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.relatives import Relatives
from mtbench.study.requests import machine

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")

NAMED = 3
"""Relatives that the line for people names."""


class Expectation(NamedTuple):
    """What is known of a run before it is trained.

    Attributes:
        evaluations: most that it makes on dev.
        took: what it will take; None where nothing is known.
    """

    key: str
    cell: str
    evaluations: int
    took: Breakdown | None = None


@dataclass(frozen=True)
class Kin:
    """Runs that are reckoned by one relative.

    Attributes:
        cell: the relative's name.
        runs: how many.
        differs: in what the relative differs; see ``cost_relatives.Evidence``.
        rough: whether it differs in more than can be reckoned with.
    """

    cell: str
    runs: int
    differs: Sequence[str]
    rough: bool


@dataclass(frozen=True)
class Estimate:
    """How long the runs that are to do will take.

    Attributes:
        seconds: until they are done; None where nothing is known of any.
        runs: whose duration is known.
        unknown: runs that nothing is known of.
        jobs: runs at a time.
        evidence: of the known ones, how many by what (see ``cost_relatives.Grade``).
        relatives: those that runs without better evidence are reckoned by.
        expected: what is known of each run, in the order in which they are trained.
    """

    seconds: float | None
    runs: int
    unknown: int
    jobs: int
    evidence: Mapping[Grade, int] = field(default_factory=dict)
    relatives: Sequence[Kin] = ()
    expected: Sequence[Expectation] = field(default=(), repr=False, compare=False)

    def record(self) -> dict[str, Any]:
        """Return the estimate as JSON values, without the single runs."""
        values = asdict(replace(self, expected=()))
        del values["expected"]
        return values

    def text(self) -> str:
        """Return the estimate as a line for people; empty where nothing is to do."""
        total = self.runs + self.unknown
        if not total:
            return ""
        have, them = ("has", "it") if self.unknown == 1 else ("have", "them")
        missing = f"{self.unknown} {have} no timing yet" if self.runs else "no timing yet"
        hint = f"{missing} (mtbench bench MATRIX measures {them})"
        if self.seconds is None:
            return hint
        number = NUMBERS[self.jobs] if self.jobs < len(NUMBERS) else str(self.jobs)
        runs = f"{self.runs} of {total} runs" if self.unknown else counted(total, "run")
        sentence = f"about {duration(self.seconds)} for {runs}, {number} at a time"
        by = "; ".join(filter(None, [_by(self.relatives, rough) for rough in (False, True)]))
        sentence += f" ({by})" if by else ""
        return f"{sentence}; {hint}" if self.unknown else sentence


def estimate(plan: Plan, relatives: Relatives, jobs: int | None = None) -> Estimate:
    """Return how long the runs of a plan that are to do will take.

    The best evidence from a machine like this one counts, a run: stored runs of its cell with
    other seeds; a timing of its cell; stored runs, then timings, of cells that cost about as
    much (see ``cost_relatives.cost_leaves``); its nearest relative.

    Args:
        relatives: the stored runs of the plan's store.
        jobs: runs at a time; None for as many as the cores can take.
    """
    runs = plan.to_do()
    if jobs is None:
        threads = [cell.config["train"]["threads"] for cell, _ in runs]
        jobs = default_jobs(max(threads, default=1), plan.device)
    if not runs:
        return Estimate(0.0, 0, 0, jobs)
    measured = _Measured(relatives, plan.device, runs[0][0].identity.numerics)
    cells = {id(cell): cell for cell, _ in runs}
    by_cell = {key: measured.evidence(cell) for key, cell in cells.items()}
    reckoned = [evidence for cell, _ in runs if (evidence := by_cell[id(cell)])]
    expected = [
        Expectation(
            run.key,
            cell.name,
            cell.identity.config["train"]["evaluations"],
            evidence.took if (evidence := by_cell[id(cell)]) else None,
        )
        for cell, run in runs
    ]
    return Estimate(
        makespan([], [evidence.took.seconds for evidence in reckoned], jobs) if reckoned else None,
        len(reckoned),
        len(expected) - len(reckoned),
        jobs,
        dict(Counter(evidence.grade for evidence in reckoned)),
        _kin(reckoned),
        expected,
    )


def makespan(under_way: Iterable[float], waiting: Iterable[float], jobs: int) -> float:
    """Return after how many seconds all runs are done, if each starts as soon as a place is free.

    Args:
        under_way: what each of the runs still needs that have begun.
        waiting: what the others take, in their order.
        jobs: runs at a time.
    """
    free = sorted(under_way)
    free = [0.0] * (jobs - len(free)) + free
    end = free[-1]
    for seconds in waiting:
        done = free[0] + seconds
        heapq.heapreplace(free, done)
        end = max(end, done)
    return end


class _Measured:
    """What runs took on machines like this one: by cell, and by what decides costs."""

    def __init__(self, relatives: Relatives, device: str, numerics: int) -> None:
        self._cells: dict[str, Family] = {}
        self._families: dict[frozenset[Any], Family] = {}
        self._nearest: dict[frozenset[Any], Evidence | None] = {}
        like_here = comparable(machine(), hardware(device))
        for request, result in relatives.runs:
            if comparable(request.machine, _hardware_of(request, result)) == like_here:
                self._take(request, runs=[Breakdown.of_result(result)])
        for stored in read_timings(relatives.store).values():
            if comparable(stored.machine, stored.device) == like_here:
                self._take(stored, timings=[Breakdown.of_timing(stored)])
        same = [f for f in self._families.values() if f.identity.numerics == numerics]
        self._relatives = CostRelatives(same) if same else None

    def _take(
        self,
        stored: Request | StoredTiming,
        runs: Sequence[Breakdown] = (),
        timings: Sequence[Breakdown] = (),
    ) -> None:
        identity = stored.identity
        leaves = frozenset(cost_leaves(identity))
        for family in (
            self._cells.setdefault(identity.text, Family(stored.cell, identity)),
            self._families.setdefault(leaves, Family(stored.cell, identity)),
        ):
            family.runs += runs
            family.timings += timings

    def evidence(self, cell: PlannedCell) -> Evidence | None:
        """Return the best that tells what a run of a cell takes, or None where nothing does."""
        if self._relatives is None:
            return None  # thousands of cells need not be written out to find nothing
        if (own := self._cells.get(cell.identity.text)) is not None:
            return Evidence("runs" if own.runs else "timing", own.took)
        leaves = frozenset(cost_leaves(cell.identity))
        if leaves not in self._nearest:
            self._nearest[leaves] = self._relatives.nearest(cell.identity)
        return self._nearest[leaves]


def _hardware_of(request: Request, result: StoredResult) -> dict[str, str]:
    """Return what a stored run was trained on, as ``devices.hardware`` tells it."""
    described = {"type": request.identity.device}
    name = result.cost.device
    return described if name is None else {**described, "name": name}


def _kin(evidence: Iterable[Evidence]) -> tuple[Kin, ...]:
    """Return the relatives with the runs that are reckoned by them, most runs first."""
    counts = Counter((e.relative, e.differs, e.grade) for e in evidence if e.relative)
    return tuple(
        Kin(relative, runs, differs, grade == "rough")
        for (relative, differs, grade), runs in counts.most_common()
    )


def _by(relatives: Sequence[Kin], rough: bool) -> str:
    """Say how many runs are reckoned by relatives, and by which; empty where none is."""
    named = Counter[str]()
    for kin in relatives:
        if kin.rough == rough:
            named[kin.cell] += kin.runs
    if not named:
        return ""
    runs = named.total()
    their, relative = (
        "its" if runs == 1 else "their",
        "relative" if len(named) == 1 else "relatives",
    )
    shown = "; ".join(cell for cell, _ in named.most_common(NAMED))
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    roughly = " roughly," if rough else ""
    return f"{runs}{roughly} by {their} nearest stored {relative}: {shown}{more}"


def duration(seconds: float) -> str:
    """Write a duration for people, such as ``2 h 10 min``."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"
