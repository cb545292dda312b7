"""Renderings of a plan: what is stored, what is to do, what cannot be, and why."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from mtbench.rendering import markdown, spreadsheet
from mtbench.rendering import text as plain
from mtbench.rendering.escaping import json_text, visible
from mtbench.rendering.html import section
from mtbench.rendering.latex import tabular
from mtbench.study.durations import Estimate
from mtbench.study.plan import Plan, PlannedCell, PlannedRun

CELLS_LISTED = 40
"""Cells listed for people; a program asks for CSV or JSON and gets all."""


def as_text(plan: Plan, estimate: Estimate) -> str:
    """Return the plan for people: counts and duration, the first cells, what cannot be and why."""
    above, below = map(visible, _above(plan, estimate)), map(visible, _below(plan))
    return "\n".join([*above, "", plain.table(_cell_records(plan)), *below])


def as_markdown(plan: Plan, estimate: Estimate) -> str:
    """Return the plan as text with a Markdown table."""
    above = map(markdown.line, _above(plan, estimate))
    below = [markdown.line(line) for line in _below(plan)]
    # Right below the table, lines would be rows of it.
    gap = [""] if below else []
    return "\n".join([*above, "", markdown.table(_cell_records(plan)), *gap, *below])


def as_latex(plan: Plan, estimate: Estimate) -> str:
    """Return the plan as a LaTeX table, with the rest of the text in comments."""
    return tabular(_cell_records(plan), above=_above(plan, estimate), below=_below(plan))


def as_html(plan: Plan, estimate: Estimate) -> str:
    """Return the plan as an HTML table for a notebook, with the rest of the text around it."""
    return section(_cell_records(plan), above=_above(plan, estimate), below=_below(plan))


def as_csv(plan: Plan, estimate: Estimate) -> str:  # noqa: ARG001 - rows have no place for it
    """Return one row a run; a cell that is rejected or broken has one row without a run."""
    return spreadsheet.as_csv(run_records(plan))


def as_json(plan: Plan, estimate: Estimate) -> str:
    """Return a JSON object: ``matrix``, ``design``, ``plan`` (counts, ``estimate``), ``runs``.

    ``stages``, ``to_come`` and ``remarks`` are of a staged search.
    """
    value = {
        "matrix": plan.title,
        "design": plan.design,
        "plan": {**plan.counts(), "estimate": estimate.record()},
        "stages": [asdict(stage) for stage in plan.stages],
        "to_come": plan.to_come,
        "remarks": list(plan.remarks),
        "runs": run_records(plan),
    }
    return json_text(value)


PLAN_FORMATS: Mapping[str, Callable[[Plan, Estimate], str]] = {
    "rich": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}


def _above(plan: Plan, estimate: Estimate) -> list[str]:
    """Return what is said of all runs: how many, how long they take, where a search stands."""
    counts = plan.counts()
    heading = (
        f"{plan.title}: {_count(counts['cells'], 'cell')}, {_count(counts['runs'], 'run')} "
        f"({_count(len(plan.seeds), 'seed')}): {counts['stored']} stored, "
        f"{counts['to_do']} to do, {counts['running']} running, {counts['failed']} failed; "
        f"{_count(counts['rejected'], 'cell')} rejected"
        + (f", {counts['broken']} broken" if counts["broken"] else "")
        + (f"; {_count(counts['damaged'], 'run')} damaged" if counts["damaged"] else "")
    )
    return [heading, *filter(None, [estimate.text()]), *plan.remarks]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _below(plan: Plan) -> list[str]:
    """Return what the table leaves out: further cells, and why some cannot be."""
    more = len(plan.cells) - CELLS_LISTED
    reasons = Counter(cell.obstacle for cell in plan.cells if cell.obstacle is not None)
    damaged = [f"{c.name} [seed {run.seed}]: {run.damage}" for c, run in plan.runs("damaged")]
    return [
        *([f"... and {more} more (--format csv lists all)"] if more > 0 else []),
        *(f"{kind}: {count} x {why}" for (kind, why), count in reasons.most_common()),
        *(f"damaged, to be trained anew: {told}" for told in damaged[:CELLS_LISTED]),
        *_moved(plan)[:CELLS_LISTED],
    ]


def _moved(plan: Plan) -> list[str]:
    """Return why runs are missing that were trained before, those of one reason together."""
    moved: dict[str, list[str]] = {}
    for cell in plan.cells:
        for seed, one in cell.moved.items():
            moved.setdefault(one.differing, []).append(
                f"{cell.name} [seed {seed}]: run {one.key[:12]}"
            )
    return [
        f"missing: {len(runs)} x a stored run of that name differs in {parts} ({runs[0]}"
        + (", ...)" if len(runs) > 1 else ")")
        for parts, runs in moved.items()
    ]


def _cell_records(plan: Plan) -> list[dict[str, str]]:
    return [_cell_record(cell) for cell in plan.cells[:CELLS_LISTED]]


def _cell_record(cell: PlannedCell) -> dict[str, str]:
    states = Counter(run.state for run in cell.runs)
    shown = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return {"cell": cell.name, "runs": cell.obstacle[0] if cell.obstacle else shown}


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
