"""The overview: stored runs as plain records for people."""

import json
from collections.abc import Mapping

from mtbench.leaderboard import DIGITS
from mtbench.store import REQUEST, RESULT, RunFolder, Store

Record = dict[str, str]
Scores = Mapping[str, Mapping[str, float | None]]


def runs(store: Store) -> list[Record]:
    """Return a record a run, by cell and seed."""
    records = []
    for key in sorted(store.keys()):
        folder = store.run(key)
        request, result = folder.read(REQUEST), folder.read(RESULT) or {}
        if request is None:
            continue  # the folder was made, and nothing was written before it was given up
        records.append(
            {
                "run": key[:12],
                "cell": request["cell"],
                "seed": str(request["seed"]),
                "state": folder.state(),
                "overall": number(result["overall"]) if "overall" in result else "-",
                "error": result.get("error", ""),
            }
        )
    return sorted(records, key=lambda record: (record["cell"], int(record["seed"])))


def run_details(folder: RunFolder) -> tuple[Record, list[Record]]:
    """Return what is known of a run as lines, and its scores as a table."""
    request, result = folder.read(REQUEST), folder.read(RESULT)
    lines: Record = {"run": folder.key, "state": folder.state()}
    if request is not None:
        lines["cell"] = f"{request['cell']} [seed {request['seed']}]"
        lines["configuration"] = json.dumps(request["config"])
        lines["plugins"] = json.dumps(request["providers"])
        lines["versions"] = json.dumps(request["versions"])
    if result is None:
        lines["last event"] = json.dumps(folder.last_event())
        return lines, []
    if result["status"] == "failed":
        lines["error"] = result["error"]
        return lines, []
    lines["cost"] = json.dumps(result["cost"])
    lines["untrained"] = ", ".join(result["untrained"]) or "none"
    scores = result["scores"]
    return lines, metric_records(scores, {"dev": result["overall"]})


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
