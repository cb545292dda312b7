"""The document of a leaderboard: its tables, with the notes and remarks that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from mtbench.board.effects import Effect
from mtbench.board.reading import FEWER, SIGNIFICANT, SINGLE, UNTRAINED, compared_with
from mtbench.board.records import board_value, row_records
from mtbench.board.standings import Leaderboard, Row, Score
from mtbench.evidence.outcomes import OVERALL
from mtbench.evidence.statistics import ALPHA, Interval
from mtbench.metrics import UP
from mtbench.rendering.document import Document, Lines, Style, Styled, Table
from mtbench.rendering.numbers import DIGITS, MISSING, UNDEFINED, number, p_value

COST_NOTES = (
    "gap: primary metric on a sample of train minus that on dev, mean over the tasks; "
    "all are means over a cell's runs",
)
EFFECT_NOTES = (
    "difference: to the axis's first level, over the cells that have a partner there with the "
    f"same levels on all other axes ({SIGNIFICANT} p < {ALPHA:.2f}, Holm over all axes)",
)
WORDS = ("compared with", "status")
"""Headings of the columns of scores, beside the cell's, that hold words."""
STYLES: Mapping[str, Style] = dict.fromkeys(("failed", "broken", "damaged"), "failed")
"""How a status stands out."""

Record = dict[str, str | Styled]
Numbers = Mapping[str, Any]


def document(board: Leaderboard) -> Document:
    """Return a leaderboard as a document, the scores first."""
    numbers = row_records(board)
    return Document(
        board.title,
        [
            Table("", _scores(board), WORDS),
            Lines("", [*board.notes, *_reasons(board.rows)], "faint"),
            *_costs(board, numbers),
            *_effects(board.effects),
            Table("As published", _published(board, numbers)),
            Lines("Remarks", board.remarks, "faint"),
        ],
        lambda: numbers,
        partial(board_value, board),
    )


# --- scores -----------------------------------------------------------------------------------


def _scores(board: Leaderboard) -> list[Record]:
    """Return scores, ranks and differences; a column is left out where it tells nothing."""
    seeds = {len(row.overall.seeds) for row in board.rows if row.overall.seeds}
    against = [row.difference.against if row.difference else "" for row in board.rows]
    columns = {
        "rank": any(row.ranks for row in board.rows),
        "difference": any(row.difference for row in board.rows),
        "compared with": any(against)
        and not compared_with([row.name for row in board.rows], against),
        "delta-m %": any(row.delta_m for row in board.rows),
        "seeds": len(seeds) > 1,
        "status": any(row.status != "done" for row in board.rows),
    }
    records = []
    for row in board.rows:
        several = max(seeds, default=0) > 1
        record: Record = {"cell": row.name}
        for task, metric in board.metrics.items():
            record[f"{task} {metric} {UP}"] = _score(row.scores.get(task), several=several)
        fewer = row.overall.mean is not None and not board.has_all_tasks(row)
        overall = _score(row.overall, several=several)
        record[f"{OVERALL} {UP}"] = f"{overall}{FEWER}" if fewer else overall
        last: Record = {
            "rank": _rank(row.ranks),
            "difference": _difference(row),
            "compared with": row.difference.against if row.difference else MISSING,
            "delta-m %": _interval(row.delta_m, 1, sign="+"),
            "seeds": str(len(row.overall.seeds)),
            "status": Styled(row.status, STYLES.get(row.status, "")),
        }
        records.append(record | {name: text for name, text in last.items() if columns[name]})
    return records


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Say why rows have no score: in a column it would leave no room for numbers."""
    return [f"{row.status}: {row.name}: {row.reason}" for row in rows if row.reason]


def _score(score: Score | None, *, several: bool) -> str | Styled:
    if score is None or not score.seeds:
        return MISSING
    if score.mean is None:
        return UNDEFINED
    text = _interval(score.interval) if score.interval else number(score.mean)
    single = several and score.interval is not None and score.interval.seeds == 1
    text += UNTRAINED * score.untrained + SINGLE * single
    return Styled(text, "faint") if score.untrained else text


def _rank(ranks: tuple[int, int] | None) -> str:
    if ranks is None:
        return MISSING
    best, worst = ranks
    return str(best) if best == worst else f"{best}-{worst}"


def _difference(row: Row) -> str:
    return _tested(row.difference.interval, row.difference.p) if row.difference else MISSING


def _tested(interval: Interval | None, p: float | None) -> str:
    """Write a difference, with a mark where it is told apart from 0."""
    return _interval(interval, sign="+") + (SIGNIFICANT if p is not None and p < ALPHA else "")


def _interval(
    interval: Interval | None, digits: int = DIGITS, *, sign: Literal["", "+"] = ""
) -> str:
    """Write an estimate with half the width of its interval."""
    if interval is None:
        return MISSING
    half = (interval.high - interval.low) / 2
    return f"{number(interval.estimate, digits, sign=sign)} ± {number(half, digits)}"


# --- cost -------------------------------------------------------------------------------------


def _costs(board: Leaderboard, numbers: Sequence[Numbers]) -> Iterator[Table | Lines]:
    """Yield what the cells cost, where one has runs."""
    if not any(row.cost for row in board.rows):
        return
    on_gpu = any(record["peak_device_mb"] is not None for record in numbers)
    peak, heading = ("peak_device_mb", "GPU peak MB") if on_gpu else ("peak_mb", "peak MB")
    rows = [
        {
            "cell": record["cell"],
            "gap": number(record[f"{OVERALL}_gap"]),
            "steps": number(record["steps"], 0),
            **{
                f"{task} examples": number(record[f"{task}_trained_on"], 0)
                for task in board.metrics
            },
            "minutes": number(record["minutes"], 1),
            heading: number(record[peak], 0),
        }
        for record in numbers
    ]
    yield Table("Cost, and the gap between train and dev", rows)
    yield Lines("", COST_NOTES, "faint")


# --- effects ----------------------------------------------------------------------------------


def _effects(effects: Sequence[Effect]) -> Iterator[Table | Lines]:
    """Yield a table an axis."""
    for axis in dict.fromkeys(effect.axis for effect in effects):
        records = [_effect(effect) for effect in effects if effect.axis == axis]
        yield Table(f"Main effect of {axis} on the {OVERALL}", records)
    if effects:
        yield Lines("", EFFECT_NOTES, "faint")


def _effect(effect: Effect) -> Record:
    return {
        "level": effect.level,
        f"{OVERALL} {UP}": number(effect.mean),
        "difference": _tested(effect.difference, effect.p),
        "p": p_value(effect.p),
        "matched cells": f"{effect.matched} of {effect.cells}",
    }


# --- published --------------------------------------------------------------------------------


def _published(board: Leaderboard, numbers: Sequence[Numbers]) -> list[dict[str, str]]:
    """Return the published scores; nothing where there are none."""
    headings = {task: f"{task} {metric} {UP}" for task, metric in board.metrics.items()}
    headings[OVERALL] = f"{OVERALL} {UP}"
    papers = {name: [record[f"{name}_paper"] for record in numbers] for name in headings}
    if all(paper is None for column in papers.values() for paper in column):
        return []
    return [
        {"cell": row.name}
        | {heading: number(papers[name][place]) for name, heading in headings.items()}
        for place, row in enumerate(board.rows)
    ]
