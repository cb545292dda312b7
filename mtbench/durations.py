"""Durations: how long the runs of a plan will take, from what is stored."""

import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mtbench.devices import CPU, hardware
from mtbench.planned_runs import Plan, PlannedCell
from mtbench.store import Store, canonical, machine
from mtbench.timings import comparable, cost_signature, timing_key

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True)
class Estimate:
    """How long the runs that are to do will take.

    Attributes:
        seconds: until they are done; None where nothing is known of any.
        runs: whose duration is known.
        unknown: runs that nothing is known of.
        jobs: runs at a time.
    """

    seconds: float | None
    runs: int
    unknown: int
    jobs: int

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
        runs = f"{self.runs} of {total} runs" if self.unknown else _runs(total)
        known = f"about {_duration(self.seconds)} for {runs}, {number} at a time"
        return f"{known}; {hint}" if self.unknown else known


def estimate(plan: Plan, store: Store, jobs: int) -> Estimate:
    """Return how long the runs of a plan that are to do will take, so many at a time.

    The best evidence from a machine like this one counts, a run: stored runs of its cell with
    other seeds; a timing of its cell; stored runs, then timings, of cells that cost about as
    much (see ``timings.cost_signature``).
    """
    runs = plan.to_do()
    if not runs:
        return Estimate(0.0, 0, 0, jobs)
    evidence = _Evidence.read(store, plan.device)
    cells = {id(cell): cell for cell, _ in runs}
    by_cell = {key: evidence.seconds(cell) for key, cell in cells.items()}
    found = [by_cell[id(cell)] for cell, _ in runs]
    known = [seconds for seconds in found if seconds is not None]
    # The longest run is a bound too: two processes do not halve a single one.
    seconds = max(sum(known) / jobs, *known) if known else None
    return Estimate(seconds, len(known), len(found) - len(known), jobs)


@dataclass
class _Evidence:
    """Seconds of whole runs on machines like this one: by cell, and by what decides costs."""

    machine: Mapping[str, Any]
    device: Mapping[str, str]
    timings: Mapping[str, float]
    cells: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    similar: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    similar_timings: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, store: Store, device: str) -> "_Evidence":
        here, on = machine(), hardware(device)
        like_here = comparable(here, on)
        timings = {
            key: stored
            for key, stored in store.read_timings().items()
            if comparable(stored["machine"], stored["device"]) == like_here
        }
        seconds = {key: float(stored["timing"]["run_s"]) for key, stored in timings.items()}
        evidence = cls(here, on, seconds)
        for key, stored in timings.items():
            evidence.similar_timings[cost_signature(stored["identity"])].append(seconds[key])
        for key in sorted(store.keys()):
            record = store.run(key).record()
            result, request = record.result, record.request
            if record.state != "done" or result is None or request is None:
                continue
            if comparable(request["machine"], _hardware_of(request, result)) == like_here:
                total = result["cost"]["seconds"]["total"]
                evidence.cells[canonical(request["identity"])].append(total)
                evidence.similar[cost_signature(request["identity"])].append(total)
        return evidence

    def seconds(self, cell: PlannedCell) -> float | None:
        """Return what a run of a cell takes, by the best evidence, or None without any."""
        if not (self.timings or self.cells):
            return None  # thousands of cells need not be written out to find nothing
        text = canonical(cell.identity)
        if text in self.cells:
            return statistics.fmean(self.cells[text])
        key = timing_key(cell.identity, self.machine, self.device)
        if key in self.timings:
            return self.timings[key]
        signature = cost_signature(cell.identity)
        for others in (self.similar, self.similar_timings):
            if signature in others:
                return statistics.fmean(others[signature])
        return None


def _hardware_of(request: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, str]:
    """Return what a stored run was trained on, as ``devices.hardware`` tells it."""
    described = {"type": request["identity"].get("device", CPU)}
    name = result["cost"].get("device")
    return described if name is None else {**described, "name": name}


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _duration(seconds: float) -> str:
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
