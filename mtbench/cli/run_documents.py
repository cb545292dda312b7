"""The documents of stored runs: many as a table, one in full, and scores."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from mtbench.matrix.filtering import name_filter
from mtbench.rendering.document import Document, Lines, Styled, Table
from mtbench.rendering.numbers import MISSING, UNDEFINED, number
from mtbench.store import Record, RunFolder, State
from mtbench.store.held_out import told_of_run

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
    """
    fits = name_filter(expression) if expression is not None else lambda _: True
    records = []
    for folder, planned in listed:
        record = folder.record()
        result = record.result or {}
        if (asked := planned or record.request) is None and not record.damage:
            continue  # the folder was made, and nothing was written before it was given up
        named = dict.fromkeys(ASKED) if asked is None else {part: asked[part] for part in ASKED}
        if (states and record.state not in states) or not fits(named["cell"] or ""):
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
    return sorted(records, key=lambda r: (r["matrix"] or "", r["cell"] or "", r["seed"] or 0))


def runs_document(records: Sequence[Mapping[str, Any]], none: str) -> Document:
    """Return records of runs as a document; programs get them as they are.

    Args:
        none: what is said where there is no run.
    """
    rows = [_row(record) for record in records]
    words = () if not rows else rows[0].keys() - {"seed", "overall"}
    return Document(
        "", [Table("", rows, words), Lines("", [] if rows else [none])], lambda: records
    )


def _row(record: Mapping[str, Any]) -> dict[str, str | Styled]:
    """Return a record of a run for people: its key as short as keys are given, times in UTC."""
    fails = record["state"] in ("failed", "damaged")
    missing = UNDEFINED if record["state"] == "done" else MISSING
    return {
        **{name: MISSING if value is None else str(value) for name, value in record.items()},
        "run": record["run"][:12],
        "state": Styled(record["state"], "failed" if fails else ""),
        "overall": number(record["overall"], missing=missing),
        "ended": str(record["ended"] or MISSING)[:19].replace("T", " "),
    }


def run_document(folder: RunFolder, planned: Asked | None = None) -> Document:
    """Return what is known of a run as a document; programs get a record of it, as of many.

    Args:
        planned: what a plan asks of it, if it is in one.
    """
    record = folder.record()
    lines = [f"{name}: {text}" for name, text in _details(folder, record, planned).items()]
    parts: list[Lines | Table] = [Lines("", lines)]
    result = record.result
    if result is not None and result["status"] == "done":
        parts.append(scores_table("scores", result["scores"], {"dev": result["overall"]}))
    return Document("", parts, lambda: runs([(folder, planned)]))


def _details(folder: RunFolder, record: Record, planned: Asked | None) -> dict[str, str]:
    request, result = record.request, record.result
    lines: dict[str, str] = {"run": folder.key, "state": record.state}
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
        return lines | {"last event": json.dumps(folder.last_event())}
    if result["status"] == "failed":
        return lines | {"error": result["error"]}
    lines |= {f"cost, {part}": _plain(value) for part, value in result["cost"].items()}
    lines["untrained"] = ", ".join(result["untrained"]) or "none"
    lines["test labels"] = told_of_run(folder.store.test_uses([folder.key]))
    return lines


def _plain(value: Any) -> str:
    """Write a stored value for people: ``name linear, dropout 0.1``; what is open is left out."""
    if isinstance(value, dict):
        inner = {key: _plain(item) for key, item in value.items() if item is not None}
        nested = any(isinstance(item, dict) for item in value.values())
        return ("; " if nested else ", ").join(f"{key} {text}" for key, text in inner.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def scores_table(
    title: str, splits: Mapping[str, Scores], overalls: Mapping[str, float | None]
) -> Table:
    """Return a table with a row a task and metric, one column a split, and one of the overall."""
    rows = [
        {"task": task, "metric": metric}
        | {
            split: number(scores[task][metric], missing=UNDEFINED)
            for split, scores in splits.items()
        }
        for task, metrics in next(iter(splits.values())).items()
        for metric in metrics
    ]
    overall = {
        split: number(overalls[split], missing=UNDEFINED) if split in overalls else ""
        for split in splits
    }
    return Table(title, [*rows, {"task": "overall", "metric": "", **overall}], names=2)
