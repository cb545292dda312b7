"""The overview: stored runs as plain records for people and programs."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from mtbench.board.standings import DIGITS
from mtbench.comparison.reader import PlannedFor
from mtbench.matrix.filtering import name_filter
from mtbench.rendering import markdown, spreadsheet
from mtbench.rendering import text as plain
from mtbench.rendering.escaping import json_text
from mtbench.rendering.latex import tabular
from mtbench.store import Record, RunFolder, State, test_uses

Line = dict[str, str]
Scores = Mapping[str, Mapping[str, float | None]]

ASKED = ("matrix", "cell", "seed", "device")
"""What a run was asked for, as its request has it, or a plan that it is in."""


def runs(
    listed: Iterable[tuple[RunFolder | None, PlannedFor | None]],
    expression: str | None = None,
    states: Collection[State] = (),
) -> list[dict[str, Any]]:
    """Return a record a run, by matrix, cell and seed; None for what is not known.

    Args:
        listed: runs, None for one whose key nothing tells, and what a plan asks of each; without
            a plan its request tells.
        expression: keeps the cells whose names it fits; see ``filtering``.
        states: those to keep; all where there is none.
    """
    fits = name_filter(expression) if expression is not None else lambda _: True
    records = []
    for folder, planned in listed:
        record = Record("missing") if folder is None else folder.record()
        if (asked := planned or record.request) is None and not record.damage:
            continue  # the folder was made, and nothing was written before it was given up
        named = {part: getattr(asked, part, None) for part in ASKED}
        if (states and record.state not in states) or not fits(named["cell"] or ""):
            continue
        records.append(
            {
                "run": "" if folder is None else folder.key,
                **named,
                "state": record.state,
                "overall": record.result and record.result.overall,
                "ended": record.ending and record.ending.ended,
                "error": record.damage or (record.failure.error if record.failure else ""),
            }
        )
    return sorted(records, key=lambda r: (r["matrix"] or "", r["cell"] or "", r["seed"] or 0))


def _shown(records: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return records of runs for people: keys as short as they are given, and times, in UTC."""
    return [
        {name: "-" if value is None else str(value) for name, value in record.items()}
        | {
            "run": record["run"][:12],
            "overall": number(record["overall"]) if record["state"] == "done" else "-",
            "ended": str(record["ended"] or "-")[:19].replace("T", " "),
        }
        for record in records
    ]


STATUS_FORMATS: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "rich": lambda records: plain.table(_shown(records)),
    "markdown": lambda records: markdown.table(_shown(records)),
    "latex": lambda records: tabular(_shown(records)),
    "csv": spreadsheet.as_csv,
    "json": json_text,
}


def run_details(
    folder: RunFolder | None, planned: PlannedFor | None = None
) -> tuple[Line, list[Line]]:
    """Return what is known of a run as lines, and its scores as a table.

    Args:
        folder: None where its data are not at hand, and so nothing tells its key.
        planned: what a plan asks of it, if it is in one.
    """
    record = Record("missing") if folder is None else folder.record()
    request, result = record.request, record.result
    lines: Line = {"run": "" if folder is None else folder.key, "state": record.state}
    if record.damage:
        lines["damage"] = record.damage
    if (asked := planned or request) is not None:
        lines["matrix"] = asked.matrix
        lines["cell"] = f"{asked.cell} [seed {asked.seed}]"
        lines["device"] = asked.device
    if request is not None:
        lines |= {part: _plain(value) for part, value in request.config.items()}
        lines["plugins"] = ", ".join(sorted(set(request.providers.values())))
        lines["versions"] = _plain(request.versions)
    if record.failure is not None:
        lines["error"] = record.failure.error
        return lines, []
    if folder is None or result is None:
        lines["last event"] = json.dumps(folder and folder.last_event())
        return lines, []
    cost = result.cost.model_dump()
    lines |= {f"cost, {part}": _plain(v) for part, v in cost.items() if v is not None}
    lines["untrained"] = ", ".join(result.untrained) or "none"
    uses = test_uses.of_runs(folder.store, [folder.key])
    lines["test labels"] = test_uses.summary_of_run(uses)
    return lines, metric_records(dict(result.scores), {"dev": result.overall})


def _plain(value: Any) -> str:
    """Write a stored value for people: ``name linear, dropout 0.1``; what is open is left out."""
    if isinstance(value, dict):
        inner = {key: _plain(item) for key, item in value.items() if item is not None}
        nested = any(isinstance(item, dict) for item in value.values())
        return ("; " if nested else ", ").join(f"{key} {text}" for key, text in inner.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def metric_records(
    splits: Mapping[str, Scores], overalls: Mapping[str, float | None]
) -> list[Line]:
    """Return a record a task and metric, one column a split, and one for the overall."""
    first = next(iter(splits.values()))
    records = [
        {
            "task": task,
            "metric": metric,
            **{split: number(scores[task][metric]) for split, scores in splits.items()},
        }
        for task, metrics in first.items()
        for metric in metrics
    ]
    overall = {split: number(overalls[split]) if split in overalls else "" for split in splits}
    return [*records, {"task": "overall", "metric": "", **overall}]


def number(value: float | None) -> str:
    """Write a score; None is undefined."""
    return "undefined" if value is None else f"{value:.{DIGITS}f}"
