"""The overview: stored runs as plain records for people and programs."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from mtbench.board.standings import DIGITS
from mtbench.matrix.filtering import fits_none, name_filter
from mtbench.rendering import markdown, spreadsheet
from mtbench.rendering import text as plain
from mtbench.rendering.escaping import json_text
from mtbench.rendering.latex import tabular
from mtbench.store import RunFolder, State
from mtbench.store.held_out import told_of_run

Record = dict[str, str]
Scores = Mapping[str, Mapping[str, float | None]]
Asked = Mapping[str, Any]

ASKED = ("matrix", "cell", "seed", "device")
"""What a run was asked for, as its request has it, or a plan that it is in."""


def runs(
    listed: Iterable[tuple[RunFolder, Asked | None]],
    expression: str | None = None,
    states: Collection[State] = (),
) -> list[dict[str, Any]]:
    """Return a record a run, by matrix, cell and seed; None for what is not known.

    Args:
        listed: runs, and what a plan asks of each; without a plan its request tells.
        expression: keeps the cells whose names it fits; see ``filtering``.
        states: those to keep; all where there is none.

    Raises:
        UsageError: if the expression fits no cell, where there is one.
    """
    fits = name_filter(expression) if expression is not None else lambda _: True
    records = []
    names: dict[str, bool] = {}
    for folder, planned in listed:
        record = folder.record()
        result = record.result or {}
        if (asked := planned or record.request) is None and not record.damage:
            continue  # the folder was made, and nothing was written before it was given up
        named = dict.fromkeys(ASKED) if asked is None else {part: asked[part] for part in ASKED}
        cell = named["cell"] or ""
        names[cell] = fits(cell)
        if (states and record.state not in states) or not names[cell]:
            continue
        records.append(
            {
                "run": folder.key,
                **named,
                "state": record.state,
                "overall": result.get("overall"),
                "ended": result.get("ended"),
                "error": record.damage or result.get("error", ""),
            }
        )
    if expression is not None and names and not any(names.values()):
        raise fits_none(expression, sorted(names))
    return sorted(records, key=lambda r: (r["matrix"] or "", r["cell"] or "", r["seed"] or 0))


def _shown(records: Sequence[Mapping[str, Any]]) -> list[Record]:
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


def run_details(folder: RunFolder, planned: Asked | None = None) -> tuple[Record, list[Record]]:
    """Return what is known of a run as lines, and its scores as a table.

    Args:
        planned: what a plan asks of it, if it is in one.
    """
    record = folder.record()
    request, result = record.request, record.result
    lines: Record = {"run": folder.key, "state": record.state}
    if record.damage:
        lines["damage"] = record.damage
    if (asked := planned or request) is not None:
        lines["matrix"] = asked["matrix"]
        lines["cell"] = f"{asked['cell']} [seed {asked['seed']}]"
        lines["device"] = asked["device"]
    if request is not None:
        lines |= {part: _plain(value) for part, value in request["config"].items()}
        lines["plugins"] = ", ".join(sorted(set(request["providers"].values())))
        lines["versions"] = _plain(request["versions"])
    if result is None:
        lines["last event"] = json.dumps(folder.last_event())
        return lines, []
    if result["status"] == "failed":
        lines["error"] = result["error"]
        return lines, []
    lines |= {f"cost, {part}": _plain(value) for part, value in result["cost"].items()}
    lines["untrained"] = ", ".join(result["untrained"]) or "none"
    lines["test labels"] = told_of_run(folder.store.test_uses([folder.key]))
    scores = result["scores"]
    return lines, metric_records(scores, {"dev": result["overall"]})


def _plain(value: Any) -> str:
    """Write a stored value for people: ``name linear, dropout 0.1``; what is open is left out."""
    if isinstance(value, dict):
        inner = {key: _plain(item) for key, item in value.items() if item is not None}
        nested = any(isinstance(item, dict) for item in value.values())
        return ("; " if nested else ", ").join(f"{key} {text}" for key, text in inner.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def metric_records(
    splits: Mapping[str, Scores], overalls: Mapping[str, float | None]
) -> list[Record]:
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


def mean_records(split: str, found: Sequence[tuple[Scores, float | None]]) -> list[Record]:
    """Return what ``metric_records`` does of the mean over seeds, given scores and overall each.

    What is undefined for one seed is so for the mean.
    """
    tasks, _ = found[0]
    scores = {
        task: {metric: _mean([each[task][metric] for each, _ in found]) for metric in metrics}
        for task, metrics in tasks.items()
    }
    return metric_records({split: scores}, {split: _mean([overall for _, overall in found])})


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def number(value: float | None) -> str:
    """Write a score; None is undefined."""
    return "undefined" if value is None else f"{value:.{DIGITS}f}"
