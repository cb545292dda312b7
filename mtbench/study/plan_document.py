"""The document of a plan: what is stored, what is to do, what cannot be, and why."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from mtbench.errors import counted
from mtbench.rendering.document import Document, Lines, Style, Styled, Table
from mtbench.study.durations import Estimate
from mtbench.study.plan import TO_DO, Plan, PlannedCell, PlannedRun

CELLS_LISTED = 40
"""Cells listed for people; a program asks for CSV or JSON and gets all."""


def document(plan: Plan, estimate: Estimate) -> Document:
    """Return a plan as a document.

    CSV has one row a run; a cell that is rejected or broken has one row without a run. JSON is an
    object of ``matrix``, ``design``, ``plan`` (counts, ``estimate``), ``runs`` and, of a staged
    search, ``stages``, ``to_come`` and ``remarks``.
    """
    return Document(
        _title(plan),
        [
            Lines("", [*filter(None, [estimate.text()]), *plan.remarks]),
            Table("", [_cell_record(cell) for cell in plan.cells[:CELLS_LISTED]], words=["runs"]),
            Lines("", list(_reasons(plan))),
        ],
        partial(run_records, plan),
        partial(_value, plan, estimate),
    )


def _value(plan: Plan, estimate: Estimate) -> dict[str, Any]:
    return {
        "matrix": plan.title,
        "design": plan.design,
        "plan": {**plan.counts(), "estimate": estimate.record()},
        "stages": [asdict(stage) for stage in plan.stages],
        "to_come": plan.to_come,
        "remarks": list(plan.remarks),
        "runs": run_records(plan),
    }


def _title(plan: Plan) -> str:
    """Return what is said of all runs: how many there are in which state."""
    counts = plan.counts()
    # What is merely missing is no news.
    states = [f"{counts[state]} {state}" for state in TO_DO[1:] if counts[state]]
    return (
        f"{plan.title}: {counted(counts['cells'], 'cell')}, {counted(counts['runs'], 'run')} "
        f"({counted(len(plan.seeds), 'seed')}): {counts['stored']} stored, {counts['to_do']} to do"
        + (f" ({', '.join(states)})" if states else "")
        + f"; {counted(counts['rejected'], 'cell')} rejected"
        + (f", {counts['broken']} broken" if counts["broken"] else "")
    )


def _reasons(plan: Plan) -> Iterator[str]:
    """Yield what the table leaves out: further cells, and why some cannot be."""
    if (more := len(plan.cells) - CELLS_LISTED) > 0:
        yield f"... and {more} more (--format csv lists all)"
    obstacles = Counter(cell.obstacle for cell in plan.cells if cell.obstacle is not None)
    for (kind, why), count in obstacles.most_common():
        yield f"{kind}: {count} x {why}"
    for cell, run in plan.runs("damaged")[:CELLS_LISTED]:
        yield f"damaged, to be trained anew: {cell.name} [seed {run.seed}]: {run.damage}"
    yield from _moved(plan)[:CELLS_LISTED]


def _moved(plan: Plan) -> list[str]:
    """Return why runs are missing that were trained before, those of one reason together."""
    moved: dict[str, list[str]] = {}
    for cell in plan.cells:
        for seed, nearest in cell.moved.items():
            moved.setdefault(nearest.differing, []).append(
                f"{cell.name} [seed {seed}]: run {nearest.key[:12]}"
            )
    return [
        f"missing: {len(runs)} x a stored run of that name differs in {parts} ({runs[0]}"
        + (", ...)" if len(runs) > 1 else ")")
        for parts, runs in moved.items()
    ]


def _cell_record(cell: PlannedCell) -> dict[str, str | Styled]:
    states = Counter(run.state for run in cell.runs)
    shown = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    broken = cell.fault is not None or {"failed", "damaged"} & {*states}
    style: Style = "failed" if broken else ""
    return {"cell": cell.name, "runs": Styled(cell.obstacle[0] if cell.obstacle else shown, style)}


def run_records(plan: Plan) -> list[dict[str, Any]]:
    """Return a record a run; a cell that is rejected or broken has one without a run."""
    records: list[dict[str, Any]] = []
    for cell in plan.cells:
        if cell.obstacle is not None:
            state, reason = cell.obstacle
            records.append(_record(cell, None, None, state, reason))
        records += [
            _record(cell, run.seed, run.key, run.state, run.damage or _reason(cell, run))
            for run in cell.runs
        ]
    return records


def _reason(cell: PlannedCell, run: PlannedRun) -> str:
    """Say why a run is missing, where that can be told; empty for any other."""
    moved = cell.moved.get(run.seed)
    return (
        "" if moved is None else f"run {moved.key[:12]} of that name differs in {moved.differing}"
    )


def _record(
    cell: PlannedCell, seed: int | None, key: str | None, state: str, reason: str
) -> dict[str, Any]:
    return {"cell": cell.name, "seed": seed, "run": key, "state": state, "reason": reason}
