"""Renderings of a leaderboard: the same numbers for a terminal, Markdown, LaTeX, CSV and JSON."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mtbench.latex import tabular
from mtbench.standings import DIGITS, Leaderboard, Row, Score

UNTRAINED = "untrained"

WORD_WIDTH = 20
"""Columns that are enough for a word; a longer one may be cut in two."""
PIPE_WIDTH = 160
"""Columns of a table that goes to a file or a log, which wrap nothing by themselves."""


def as_json(board: Leaderboard) -> str:
    """Return the leaderboard as a JSON object: ``matrix``, ``cells``, ``plan``, ``remarks``."""
    cells = [
        {
            "name": row.name,
            "config": row.config,
            "scores": {task: asdict(score) for task, score in row.scores.items()},
            "overall": {k: v for k, v in asdict(row.overall).items() if k != UNTRAINED},
            "status": row.status,
            "runs": [asdict(run) for run in row.runs],
            "reason": row.reason,
        }
        for row in board.rows
    ]
    value = {
        "matrix": board.title,
        "metrics": dict(board.metrics),
        "cells": cells,
        "plan": dict(board.counts),
        "remarks": list(board.remarks),
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_csv(board: Leaderboard) -> str:
    """Return the leaderboard as CSV: one row a cell, one column a number."""
    import pandas as pd

    records = [_flat(row, board) for row in board.rows]
    text: str = pd.DataFrame(records).to_csv(index=False, float_format=f"%.{DIGITS}f")
    return text.rstrip("\n")


def as_markdown(board: Leaderboard) -> str:
    """Return the leaderboard as a Markdown table, with its remarks below."""
    from tabulate import tabulate

    # A text's own bar would open a column.
    records = [{k: v.replace("|", "\\|") for k, v in record.items()} for record in _cells(board)]
    table = tabulate(
        records,
        headers="keys",
        tablefmt="pipe",
        disable_numparse=True,
        colalign=_alignment(records),
    )
    remarks = "\n".join(f"- {remark}" for remark in board.remarks)
    return f"### {board.title}\n\n{table}" + (f"\n\n{remarks}" if remarks else "")


def as_latex(board: Leaderboard) -> str:
    """Return the leaderboard as a LaTeX table, with title and remarks in comments."""
    records = _cells(board)
    return tabular(
        records, alignment=_alignment(records), above=[board.title], below=board.remarks
    )


def as_terminal(board: Leaderboard) -> str:
    """Return the leaderboard as a table for a terminal, coloured where it is one."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    records = _cells(board)
    title = board.title
    if len({record["seeds"] for record in records}) == 1:  # a column less on a narrow terminal
        title += f" (seeds: {records[0]['seeds']})"
        records = [{k: v for k, v in record.items() if k != "seeds"} for record in records]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    blanks = 2 * len(records[0]) + 1  # between the columns and around them
    widths = _widths(records, console.width - blanks)
    # Rich cuts off what does not fit; a terminal wraps it, and nothing is lost.
    console.width = max(console.width, sum(widths) + blanks)
    table = Table(
        title=Text(title, style="table.title"),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for index, (name, width) in enumerate(zip(records[0], widths, strict=True)):
        text = index in (0, len(widths) - 1)
        table.add_column(name, justify="left" if text else "right", overflow="fold", width=width)
    for record in records:
        table.add_row(*(Text(text, style=_style(text)) for text in record.values()))
    with console.capture() as capture:
        console.print(table)
        for remark in board.remarks:
            console.print(Text(f"  {remark}", style="dim"))
    return capture.get().rstrip("\n")


FORMATS: Mapping[str, Callable[[Leaderboard], str]] = {
    "rich": as_terminal,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}


def _alignment(records: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the alignment of each column: numbers to the right, name and status to the left."""
    return ["left", *["right"] * (len(records[0]) - 2), "left"]


def _widths(records: Sequence[Mapping[str, str]], available: int) -> list[int]:
    """Return the widths of a table's columns, the widest narrowed until all fit.

    None becomes too narrow for its longest word: a number is never cut in two.
    """
    columns = [[name, *(record[name] for record in records)] for name in records[0]]
    widths = [max(map(len, texts)) for texts in columns]
    words = [[len(word) for text in texts for word in text.split()] for texts in columns]
    least = [min(WORD_WIDTH, max(lengths)) for lengths in words]
    while sum(widths) > available and widths != least:
        wide = [index for index, width in enumerate(widths) if width > least[index]]
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _style(text: str) -> str:
    if text.startswith(("failed", "broken")):
        return "red"
    return "dim" if UNTRAINED in text or text == "-" else ""


def _flat(row: Row, board: Leaderboard) -> dict[str, Any]:
    """Return a row with one column a number, missing ones empty."""
    record: dict[str, Any] = {"cell": row.name}
    for task in [*board.metrics, "overall"]:
        score = row.overall if task == "overall" else row.scores.get(task)
        record[task] = score.mean if score else None
        record[f"{task}_sd"] = score.sd if score else None
        record[f"{task}_paper"] = score.paper if score else None
        if task != "overall":
            record[f"{task}_untrained"] = score.untrained if score else None
    return record | {"seeds": len(row.overall.seeds), "status": row.status, "reason": row.reason}


def _cells(board: Leaderboard) -> list[dict[str, str]]:
    """Return the rows as texts, under the headings that people read."""
    papers = {
        task
        for row in board.rows
        for task, score in [*row.scores.items(), ("overall", row.overall)]
        if score.paper is not None
    }
    records = []
    for row in board.rows:
        record = {"cell": row.name}
        for task in [*board.metrics, "overall"]:
            score = row.overall if task == "overall" else row.scores.get(task)
            record[_heading(task, board)] = _text(score)
            if task in papers:
                record[f"{task} (paper)"] = _number(score.paper if score else None)
        record["seeds"] = str(len(row.overall.seeds))
        record["status"] = f"{row.status}: {row.reason}" if row.reason else row.status
        records.append(record)
    return records


def _heading(task: str, board: Leaderboard) -> str:
    return f"{task} {board.metrics[task]}" if task in board.metrics else task


def _text(score: Score | None) -> str:
    if score is None or not score.seeds:
        return "-"
    mean = "undefined" if score.mean is None else _number(score.mean)
    spread = f" ± {_number(score.sd)}" if score.sd is not None else ""
    return mean + spread + (f" {UNTRAINED}" if score.untrained else "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.{DIGITS}f}"
