"""Records of a leaderboard: its numbers for programs, all digits kept."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from mtbench.board.costs import Cost
from mtbench.board.standings import Leaderboard, Row, Score
from mtbench.evidence.outcomes import OVERALL
from mtbench.evidence.statistics import Interval
from mtbench.study.plan import Plan, PlannedCell

SCORES = ("cell", "task", "metric", "seed", "score", "untrained", "run")
"""Keys of a record: ``metric`` is empty for the overall, ``run`` is its key."""

COSTS = [field.name for field in fields(Cost) if field.name != "examples"]
"""What a cell cost as a whole."""


def board_value(board: Leaderboard) -> dict[str, Any]:
    """Return the leaderboard as JSON values.

    Its keys are ``matrix``, ``metrics``, ``cells``, ``effects``, ``detectable``, ``plan``,
    ``notes`` and ``remarks``.
    """
    return {
        "matrix": board.title,
        "metrics": dict(board.metrics),
        "cells": [_cell(row, board) for row in board.rows],
        "effects": [
            {
                "axis": effect.axis,
                "level": effect.level,
                "overall": effect.mean,
                **_flat_interval("difference", effect.difference),
                "p": effect.p,
                "matched": effect.matched,
                "cells": effect.cells,
            }
            for effect in board.effects
        ],
        "detectable": board.detectable,
        "plan": dict(board.counts),
        "notes": list(board.notes),
        "remarks": list(board.remarks),
    }


def row_records(board: Leaderboard) -> list[dict[str, Any]]:
    """Return one record a cell with the same keys in all, a number each, None where missing.

    Keys are ``cell``, ``status`` and ``reason``; of every task and of ``overall`` the mean under
    its own name and, behind it, ``_low``, ``_high`` (95 % interval), ``_sd``, ``_n`` (dev
    examples), ``_gap`` (train minus dev), ``_paper``, of a task ``_untrained`` and
    ``_trained_on`` (examples), and ``overall_all_tasks``, whether it is over every task of the
    table; ``seeds``; ``rank_best``, ``rank_worst``; ``against`` with
    ``difference``, ``difference_low``, ``_high`` and ``_p``; ``delta_m`` with ``_low`` and
    ``_high``, in percent; the fields of ``costs.Cost`` that are no task's. The effects of a
    grid's axes are not in it: they are no property of a cell.
    """
    return [_flat(row, board) for row in board.rows]


def _flat(row: Row, board: Leaderboard) -> dict[str, Any]:
    record: dict[str, Any] = {"cell": row.name}
    cost = row.cost
    for task in board.metrics:
        score = row.scores.get(task)
        record |= _flat_score(task, score)
        record[f"{task}_untrained"] = score.untrained if score else None
        record[f"{task}_trained_on"] = cost.examples.get(task) if cost else None
    record |= _flat_score(OVERALL, row.overall)
    record[f"{OVERALL}_all_tasks"] = board.has_all_tasks(row)
    best, worst = row.ranks or (None, None)
    apart = row.difference
    return record | {
        "seeds": len(row.overall.seeds),
        "rank_best": best,
        "rank_worst": worst,
        "against": apart.against if apart else None,
        **_flat_interval("difference", apart.interval if apart else None),
        "difference_p": apart.p if apart else None,
        **_flat_interval("delta_m", row.delta_m),
        **{name: getattr(cost, name, None) for name in COSTS},
        "status": row.status,
        "reason": row.reason,
    }


def _flat_score(name: str, score: Score | None) -> dict[str, Any]:
    interval = score.interval if score else None
    return {
        **_flat_interval(name, interval),
        name: score.mean if score else None,
        f"{name}_sd": score.sd if score else None,
        f"{name}_n": interval.examples if interval else None,
        f"{name}_gap": score.gap if score else None,
        f"{name}_paper": score.paper if score else None,
    }


def _flat_interval(name: str, interval: Interval | None) -> dict[str, float | None]:
    return {
        name: interval.estimate if interval else None,
        f"{name}_low": interval.low if interval else None,
        f"{name}_high": interval.high if interval else None,
    }


def _cell(row: Row, board: Leaderboard) -> dict[str, Any]:
    apart = row.difference
    overall = _score(row.overall)
    del overall["untrained"]  # which is of tasks
    return {
        "name": row.name,
        "config": row.config,
        "scores": {task: _score(score) for task, score in row.scores.items()},
        "overall": overall | {"all_tasks": board.has_all_tasks(row)},
        "ranks": list(row.ranks) if row.ranks else None,
        "difference": apart
        and {"against": apart.against, "interval": _interval(apart.interval), "p": apart.p},
        "delta_m": _interval(row.delta_m),
        "cost": asdict(row.cost) if row.cost else None,
        "levels": dict(row.levels),
        "status": row.status,
        "runs": [
            {"key": run.key, "seed": run.seed, "state": run.state, "damage": run.damage}
            for run in row.runs
        ],
        "reason": row.reason,
    }


def _score(score: Score) -> dict[str, Any]:
    return asdict(score) | {"seeds": list(score.seeds), "interval": _interval(score.interval)}


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    """Return an interval for JSON, which has no infinity: without error, no degrees of freedom."""
    if interval is None:
        return None
    ends = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    values = {**ends, **asdict(interval), "over": interval.over}
    return values if interval.error else values | {"df": None}


def score_records(plan: Plan) -> list[dict[str, Any]]:
    """Return a record a cell, task and seed, the overall among the tasks, in the plan's order.

    Only runs that are stored have one. A score is that on dev, unrounded, None where undefined.
    """
    return [record for cell in plan.cells for record in _scores_of(cell)]


def _scores_of(cell: PlannedCell) -> list[dict[str, Any]]:
    metrics = cell.metrics
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
