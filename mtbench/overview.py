"""The overview: stored runs as plain records for people."""

import json
from collections.abc import Mapping
from typing import Any

from mtbench.board.standings import DIGITS
from mtbench.held_out import told_of_run
from mtbench.store import RunFolder, Store

Record = dict[str, str]
Scores = Mapping[str, Mapping[str, float | None]]

ASKED = ("matrix", "cell", "seed", "device")


def runs(store: Store) -> list[Record]:
    """Return a record a run, by cell and seed."""
    records = []
    for key in sorted(store.keys()):
        record = store.run(key).record()
        request, result = record.request, record.result or {}
        if request is None and not record.damage:
            continue  # the folder was made, and nothing was written before it was given up
        records.append(
            {
                "run": key[:12],
                **{part: "-" if request is None else str(request[part]) for part in ASKED},
                "state": record.state,
                "overall": number(result["overall"]) if "overall" in result else "-",
                "error": record.damage or result.get("error", ""),
            }
        )
    return sorted(records, key=lambda r: (r["matrix"], r["cell"], len(r["seed"]), r["seed"]))


def run_details(folder: RunFolder) -> tuple[Record, list[Record]]:
    """Return what is known of a run as lines, and its scores as a table."""
    record = folder.record()
    request, result = record.request, record.result
    lines: Record = {"run": folder.key, "state": record.state}
    if record.damage:
        lines["damage"] = record.damage
    if request is not None:
        lines["matrix"] = request["matrix"]
        lines["cell"] = f"{request['cell']} [seed {request['seed']}]"
        lines["device"] = request["device"]
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


def number(value: float | None) -> str:
    """Write a score; None is undefined."""
    return "undefined" if value is None else f"{value:.{DIGITS}f}"
