"""The documents of stored runs: many as a table, one in full, and scores."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from mtbench.comparison.reader import PlannedFor
from mtbench.matrix.filtering import fits_none, name_filter
from mtbench.rendering.document import Document, Lines, Styled, Table, without_empty
from mtbench.rendering.numbers import MISSING, UNDEFINED, number
from mtbench.store import Record, RunFolder, State, test_uses

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

    Raises:
        UsageError: if the expression fits no cell, where there is one.
    """
    fits = name_filter(expression) if expression is not None else lambda _: True
    records = []
    names: dict[str, bool] = {}
    for folder, planned in listed:
        record = Record("missing") if folder is None else folder.record()
        if (asked := planned or record.request) is None and not record.damage:
            continue  # the folder was made, and nothing was written before it was given up
        named = {part: getattr(asked, part, None) for part in ASKED}
        cell = named["cell"] or ""
        names[cell] = fits(cell)
        if (states and record.state not in states) or not names[cell]:
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
    if expression is not None and names and not any(names.values()):
        raise fits_none(expression, sorted(names))
    return sorted(records, key=lambda r: (r["matrix"] or "", r["cell"] or "", r["seed"] or 0))


def runs_document(records: Sequence[Mapping[str, Any]], none: str) -> Document:
    """Return records of runs as a document; programs get them as they are.

    Args:
        none: what is said where there is no run.
    """
    rows = without_empty([_row(record) for record in records], "error")
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


def run_document(folder: RunFolder | None, planned: PlannedFor | None = None) -> Document:
    """Return what is known of a run as a document; programs get a record of it, as of many.

    Args:
        folder: None where its data are not at hand, and so nothing tells its key.
        planned: what a plan asks of it, if it is in one.
    """
    record = Record("missing") if folder is None else folder.record()
    lines = [f"{name}: {text}" for name, text in _details(folder, record, planned).items()]
    parts: list[Lines | Table] = [Lines("", lines)]
    if (result := record.result) is not None:
        parts.append(scores_table("scores", dict(result.scores), {"dev": result.overall}))
    return Document("", parts, lambda: runs([(folder, planned)]))


def _details(
    folder: RunFolder | None, record: Record, planned: PlannedFor | None
) -> dict[str, str]:
    request, result = record.request, record.result
    lines = {"run": "" if folder is None else folder.key, "state": record.state}
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
        return lines | {"error": record.failure.error}
    if folder is None or result is None:
        return lines | {"last event": json.dumps(folder and folder.last_event())}
    cost = result.cost.model_dump()
    lines |= {f"cost, {part}": _plain(v) for part, v in cost.items() if v is not None}
    lines["untrained"] = ", ".join(result.untrained) or "none"
    uses = test_uses.of_runs(folder.store, [folder.key])
    return lines | {"test labels": test_uses.summary_of_run(uses)}


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


def mean_table(split: str, evaluated: Sequence[tuple[Scores, float | None]]) -> Table:
    """Return what ``scores_table`` does of the mean over seeds, given scores and overall of each.

    What is undefined for one seed is so for the mean.
    """
    tasks, _ = evaluated[0]
    scores = {
        task: {metric: _mean([each[task][metric] for each, _ in evaluated]) for metric in metrics}
        for task, metrics in tasks.items()
    }
    overall = _mean([overall for _, overall in evaluated])
    return scores_table(f"mean over {len(evaluated)} seeds", {split: scores}, {split: overall})


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return fmean(defined) if len(defined) == len(values) else None
