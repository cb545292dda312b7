"""Scores: those of each run of a plan, as records."""

from __future__ import annotations

from typing import Any

from mtbench.evidence.outcomes import OVERALL
from mtbench.study.plan import Plan, PlannedCell

SCORES = ("cell", "task", "metric", "seed", "score", "untrained", "run")
"""Keys of a record: ``metric`` is empty for the overall, ``run`` is its key."""


def score_records(plan: Plan) -> list[dict[str, Any]]:
    """Return a record a cell, task and seed, the overall among the tasks, in the plan's order.

    Only runs that are stored have one. A score is that on dev, unrounded, None where undefined.
    """
    return [record for cell in plan.cells for record in _scores_of(cell)]


def _scores_of(cell: PlannedCell) -> list[dict[str, Any]]:
    metrics = {task: entry.info.metrics[0] for task, entry in cell.tasks.items()}
    records = []
    for run in cell.runs:
        if run.state != "done":
            continue
        result = run.folder.result()
        scores = {task: result.scores.dev[task][name] for task, name in metrics.items()}
        untrained = {task: task in result.untrained for task in metrics}
        scores[OVERALL], untrained[OVERALL] = result.overall, bool(result.untrained)
        records += [
            {"cell": cell.name, "task": task, "metric": metrics.get(task, ""), "seed": run.seed}
            | {"score": score, "untrained": untrained[task], "run": run.key}
            for task, score in scores.items()
        ]
    return records
