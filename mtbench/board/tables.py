"""Tables of a leaderboard: its numbers as texts, under the headings that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mtbench.board.effects import Effect
from mtbench.board.reading import FEWER, SIGNIFICANT, SINGLE, UNTRAINED, compared_with
from mtbench.board.standings import DIGITS, Leaderboard, Row, Score
from mtbench.evidence.outcomes import OVERALL
from mtbench.evidence.statistics import ALPHA, Interval
from mtbench.metrics import UP

NOTHING = "-"
"""Where a table has nothing to say."""

WORDS = ("cell", "level", "compared with", "status")
"""Headings of the columns that hold words; the others hold numbers."""

Record = dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        title: empty for the one of the scores, which is the leaderboard itself.
        records: a row each, with the same keys, which are the headings.
        notes: lines below it.
    """

    title: str
    records: Sequence[Record]
    notes: Sequence[str] = ()

    @property
    def alignment(self) -> list[Literal["left", "right"]]:
        """Return the alignment of each column: numbers to the right, words to the left."""
        return ["left" if name in WORDS else "right" for name in self.records[0]]


def tables(board: Leaderboard) -> list[Table]:
    """Return what people read of a leaderboard, the scores first."""
    found = [Table("", _scores(board), [*board.notes, *_reasons(board.rows)])]
    if any(row.cost for row in board.rows):
        found.append(Table("Cost, and the gap between train and dev", _costs(board), COST_NOTES))
    if board.effects:
        found += _effects(board.effects)
    if _is_published(board):
        found.append(Table("As published", _published(board)))
    return found


COST_NOTES = (
    "gap: primary metric on a sample of train minus that on dev, mean over the tasks; "
    "all are means over a cell's runs",
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
        record = {"cell": row.name}
        for task, metric in board.metrics.items():
            record[f"{task} {metric} {UP}"] = _score(row.scores.get(task), several=several)
        fewer = row.overall.mean is not None and not board.has_all_tasks(row)
        record[f"{OVERALL} {UP}"] = _score(row.overall, several=several) + FEWER * fewer
        last = {
            "rank": _rank(row.ranks),
            "difference": _difference(row),
            "compared with": row.difference.against if row.difference else NOTHING,
            "delta-m %": _interval(row.delta_m, digits=1, sign="+"),
            "seeds": str(len(row.overall.seeds)),
            "status": row.status,
        }
        records.append(record | {name: text for name, text in last.items() if columns[name]})
    return records


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Say why rows have no score: in a column it would leave no room for numbers."""
    return [f"{row.status}: {row.name}: {row.reason}" for row in rows if row.reason]


def _score(score: Score | None, *, several: bool) -> str:
    if score is None or not score.seeds:
        return NOTHING
    if score.mean is None:
        return "undefined"
    mark = UNTRAINED if score.untrained else ""
    if several and score.interval is not None and score.interval.seeds == 1:
        mark += SINGLE
    text = _interval(score.interval) if score.interval else number(score.mean)
    return text + mark


def _rank(ranks: tuple[int, int] | None) -> str:
    if ranks is None:
        return NOTHING
    best, worst = ranks
    return str(best) if best == worst else f"{best}-{worst}"


def _difference(row: Row) -> str:
    if row.difference is None:
        return NOTHING
    return _tested(row.difference.interval, row.difference.p)


def _tested(interval: Interval | None, p: float | None) -> str:
    """Write a difference, with a mark where it is told apart from 0."""
    mark = SIGNIFICANT if p is not None and p < ALPHA else ""
    return _interval(interval, sign="+") + mark


def _interval(interval: Interval | None, *, digits: int = DIGITS, sign: str = "") -> str:
    """Write an estimate with half the width of its interval."""
    if interval is None:
        return NOTHING
    half = (interval.high - interval.low) / 2
    return f"{_rounded(interval.estimate, digits):{sign}.{digits}f} ± {half:.{digits}f}"


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0  # no sign before a zero


def number(value: float | None) -> str:
    """Write a score; nothing where there is none."""
    return NOTHING if value is None else f"{_rounded(value, DIGITS):.{DIGITS}f}"


# --- cost -------------------------------------------------------------------------------------


def _costs(board: Leaderboard) -> list[Record]:
    on_gpu = any(row.cost and row.cost.peak_device_mb is not None for row in board.rows)
    return [_cost(row, board.metrics, on_gpu=on_gpu) for row in board.rows]


def _cost(row: Row, tasks: Mapping[str, str], *, on_gpu: bool) -> Record:
    record = {"cell": row.name, "gap": number(row.overall.gap)}
    spent = row.cost
    numbers = {"steps": spent.steps if spent else None}
    numbers |= {f"{task} examples": spent.examples.get(task) if spent else None for task in tasks}
    record |= {name: NOTHING if n is None else f"{n:,.0f}" for name, n in numbers.items()}
    minutes = spent and spent.minutes
    peak = spent and (spent.peak_device_mb if on_gpu else spent.peak_mb)
    record["minutes"] = NOTHING if minutes is None else f"{minutes:.1f}"
    record["GPU peak MB" if on_gpu else "peak MB"] = NOTHING if peak is None else f"{peak:,.0f}"
    return record


# --- effects ----------------------------------------------------------------------------------


def _effects(effects: Sequence[Effect]) -> Iterator[Table]:
    """Yield a table an axis."""
    axes = list(dict.fromkeys(effect.axis for effect in effects))
    for axis in axes:
        records = [_effect(effect) for effect in effects if effect.axis == axis]
        last = axis == axes[-1]
        yield Table(f"Main effect of {axis} on the {OVERALL}", records, EFFECT_NOTES * last)


EFFECT_NOTES = (
    "difference: to the axis's first level, over the cells that have a partner there with the "
    f"same levels on all other axes ({SIGNIFICANT} p < {ALPHA:.2f}, Holm over all axes)",
)


def _effect(effect: Effect) -> Record:
    tested = _tested(effect.difference, effect.p)
    return {
        "level": effect.level,
        f"{OVERALL} {UP}": number(effect.mean),
        "difference": tested,
        "p": NOTHING if effect.p is None else f"{effect.p:.3f}" if effect.p >= 0.001 else "< .001",
        "matched cells": f"{effect.matched} of {effect.cells}",
    }


# --- published --------------------------------------------------------------------------------


def _is_published(board: Leaderboard) -> bool:
    return any(
        score.paper is not None
        for row in board.rows
        for score in (*row.scores.values(), row.overall)
    )


def _published(board: Leaderboard) -> list[Record]:
    """Return the published scores."""
    records = []
    for row in board.rows:
        record = {"cell": row.name}
        for task, metric in board.metrics.items():
            score = row.scores.get(task)
            record[f"{task} {metric} {UP}"] = number(score.paper if score else None)
        records.append(record | {f"{OVERALL} {UP}": number(row.overall.paper)})
    return records
