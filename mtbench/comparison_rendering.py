"""Renderings of a comparison: the same numbers for a terminal, Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mtbench.comparison import Comparison, Comparisons, Difference, records
from mtbench.discrepancies import Discrepancy, Pairing
from mtbench.flips import Example, Flips
from mtbench.latex import tabular
from mtbench.standings import DIGITS
from mtbench.statistics import Interval

DIGEST = 64
"""Characters of a SHA-256; of one that is shown the first twelve tell enough."""

Row = dict[str, str]


@dataclass(frozen=True)
class Section:
    """A part of the text: a heading, and under it a table, lines, or both."""

    heading: str
    table: Sequence[Row] = ()
    lines: Sequence[str] = ()


def as_text(found: Comparisons, details: bool = False) -> str:
    """Return the comparison for people: sections with tables and lines.

    Args:
        details: whether every pair of many cells is shown in full, below the summary.
    """
    sections = _sections(found, details)
    return "\n\n".join("\n".join(_plain(section, "simple")) for section in sections)


def as_markdown(found: Comparisons, details: bool = False) -> str:
    """Return the comparison as Markdown; see ``as_text``."""
    first, *rest = _sections(found, details)
    parts = [f"### {first.heading}", *(f"- {line}" for line in first.lines)]
    text = "\n".join([parts[0], "", *parts[1:]])
    return "\n\n".join([text, *("\n".join(_marked(section)) for section in rest)])


def as_latex(found: Comparisons, details: bool = False) -> str:
    """Return the scores as LaTeX tables, with the rest of the text in comments."""
    parts, above = [], list[str]()
    for section in _sections(found, details):
        if section.heading.startswith(("scores", "cells")):
            parts.append(tabular(section.table, above=[*above, section.heading]))
            above = list(section.lines)
        else:
            above += [line for line in _plain(section, "simple") if line]
    return "\n".join([*parts, *(f"% {line}" for line in above)])


def as_csv(found: Comparisons, details: bool = False) -> str:
    """Return one row a cell and task, and one for the cell's overall; see ``records``."""
    import pandas as pd

    rows = [
        {"cell": pair.a.name, **record, "p_holm_cells": adjusted}
        for pair, adjusted in zip(found.pairs, found.adjusted, strict=True)
        for record in records(pair)
    ]
    for row in rows:  # it is the overall's, over the cells
        row["p_holm_cells"] = row["p_holm_cells"] if row["what"] == "overall" else None
    text: str = pd.DataFrame(rows, dtype=object).to_csv(index=False)
    return text.rstrip("\n")


def as_json(found: Comparisons, details: bool = False) -> str:
    """Return the comparison as a JSON object, every pair in full."""
    value = {
        "a": found.a,
        "b": found.b,
        "pairs": [
            _json_record(pair) | {"p_holm_cells": adjusted}
            for pair, adjusted in zip(found.pairs, found.adjusted, strict=True)
        ],
        "only_a": list(found.only_a),
        "only_b": list(found.only_b),
        "absent": dict(found.absent),
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


COMPARISON_FORMATS: Mapping[str, Callable[[Comparisons, bool], str]] = {
    "rich": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}


def _json_record(pair: Comparison) -> dict[str, Any]:
    return {
        "a": {"address": pair.a.address, "cell": pair.a.name, "runs": _keys(pair, "a")},
        "b": {"address": pair.b.address, "cell": pair.b.name, "runs": _keys(pair, "b")},
        "seeds": [list(seeds) for seeds in pair.seeds],
        "identical": pair.identical,
        "configuration": [asdict(d) for d in pair.configuration],
        "environment": [asdict(d) for d in pair.environment],
        "pairing": None if pair.pairing is None else asdict(pair.pairing),
        "scores": records(pair),
        "flips": [asdict(flip) for flip in pair.flips],
        "remarks": list(pair.remarks),
    }


def _keys(pair: Comparison, side: str) -> dict[str, str]:
    runs = (pair.a if side == "a" else pair.b).runs
    return {str(seed): folder.key for seed, folder in runs.items()}


def _plain(section: Section, style: str) -> list[str]:
    from tabulate import tabulate

    table = (
        tabulate(section.table, headers="keys", tablefmt=style, disable_numparse=True).splitlines()
        if section.table
        else []
    )
    lines = [f"  {line}" for line in section.lines]
    return [section.heading, *table, *lines]


def _marked(section: Section) -> Iterator[str]:
    escaped = [
        {key: text.replace("|", "\\|") for key, text in row.items()} for row in section.table
    ]
    heading, *table = _plain(Section(section.heading, escaped), "pipe")
    yield f"**{heading}**"
    if table:
        yield ""
        yield from table
    if section.lines:
        yield ""
        yield from (f"- {line}" for line in section.lines)


def _sections(found: Comparisons, details: bool) -> list[Section]:
    if found.single:
        return list(_pair(found.pairs[0]))
    sections = [_summary(found)]
    if details:
        sections += [section for pair in found.pairs for section in _pair(pair)]
    return sections


def _summary(found: Comparisons) -> Section:
    rows = [
        {
            "cell": pair.a.name,
            "seeds": str(len(pair.seeds) or min(len(pair.a.runs), len(pair.b.runs))),
            **_numbers(pair.overall),
            "p (Holm)": _p(adjusted),
            "": _verdict(pair.overall),
        }
        for pair, adjusted in zip(found.pairs, found.adjusted, strict=True)
    ]
    lines = [f"A: {found.a}", f"B: {found.b}", "p (Holm) is adjusted over the cells"]
    for name, alone in (("A", found.only_a), ("B", found.only_b)):
        if alone:
            lines.append(f"only in {name}: {'; '.join(alone)}")
    lines += [f"not compared: {name}: {reason}" for name, reason in found.absent.items()]
    lines += [f"{p.a.name}: {remark}" for p in found.pairs for remark in p.remarks]
    return Section("cells, overall on dev", rows, lines)


def _pair(pair: Comparison) -> Iterator[Section]:
    """Yield the sections of two cells."""
    lines = [f"A: {_side(pair, 'a')}", f"B: {_side(pair, 'b')}", *pair.remarks]
    if pair.identical:
        lines.append("identical outcomes: every example of dev, in every compared seed")
    yield Section("A and B", lines=lines)
    yield _discrepancies("configuration", pair.configuration)
    yield _discrepancies("environment", pair.environment)
    if pair.pairing is not None:
        yield Section("pairing", lines=list(_paired(pair.pairing)))
    yield Section(
        "scores on dev" + (f" (intervals over {pair.over})" if pair.over else ""),
        [
            {
                "": f"{d.what} {d.metric}".rstrip(),
                **_numbers(d),
                "p (Holm)": _p(d.p_adjusted),
                " ": _verdict(d),
            }
            for d in pair.differences
        ],
        ["p (Holm) is adjusted over the tasks"] if len(pair.differences) > 2 else [],
    )
    yield from _flipped(pair.flips, len(pair.seeds))


def _side(pair: Comparison, side: str) -> str:
    subject = pair.a if side == "a" else pair.b
    seeds = ", ".join(map(str, subject.runs))
    return f"{subject.address}, seed{'s' if len(subject.runs) > 1 else ''} {seeds}"


def _discrepancies(heading: str, found: Sequence[Discrepancy]) -> Section:
    rows = [{"": d.key, "A": _value(d.a), "B": _value(d.b)} for d in found]
    return Section(heading, rows, [] if rows else ["no difference"])


def _value(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    parts = text.split(" / ")
    return " / ".join(part[:12] if len(part) == DIGEST else part for part in parts)


def _paired(pairing: Pairing) -> Iterator[str]:
    for what, found in (
        ("first weights", pairing.weights),
        ("order of the training examples", pairing.order),
        ("dev examples", pairing.examples),
    ):
        groups: dict[str, list[str]] = {}
        for name, agreement in found.items():
            groups.setdefault(agreement, []).append(name)
        told = "; ".join(f"{agreement} ({', '.join(names)})" for agreement, names in groups.items())
        yield f"{what}: {told}"


def _numbers(d: Difference) -> Row:
    return {
        "A": _score(d.a),
        "B": _score(d.b),
        "B - A": "-" if d.interval is None else f"{d.interval.estimate:+.{DIGITS}f}",
        "95 % interval": "-" if d.interval is None else _ends(d.interval),
        "p": _p(None if d.interval is None else d.interval.p),
    }


def _score(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.{DIGITS}f}"


def _ends(interval: Interval) -> str:
    return f"{interval.low:+.{DIGITS}f} to {interval.high:+.{DIGITS}f}"


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "< .001" if value < 0.001 else f"{value:.3f}"


def _verdict(d: Difference) -> str:
    return "identical outcomes" if d.identical else d.reason


def _flipped(found: Sequence[Flips], seeds: int) -> Iterator[Section]:
    """Yield what flipped: a table of the tasks of classes, one of the others, the examples."""
    pairs = [flip for flip in found if flip.counts]
    scores = [flip for flip in found if not flip.counts]
    if pairs:
        yield Section(
            "right and wrong" + (" (pairs of a seed and an example)" if seeds > 1 else ""),
            [_flip_row(flip, seeds) for flip in pairs],
        )
    if scores:
        yield Section(
            "absolute error" + (" (mean over seeds)" if seeds > 1 else ""),
            [
                {
                    "": flip.task,
                    "grew from A to B": str(flip.lost),
                    "shrank": str(flip.won),
                    "examples": str(flip.examples),
                }
                for flip in scores
            ],
        )
    for flip in found:
        if flip.most:
            unread = [f"no sentences: {flip.unread}"] if flip.unread else []
            lines = [line for example in flip.most for line in _shown(flip, example)]
            yield Section(f"examples of {flip.task} that changed most", lines=[*unread, *lines])


def _flip_row(flip: Flips, seeds: int) -> Row:
    row = {
        "": flip.task,
        "A right, B wrong": str(flip.counts["a"]),
        "A wrong, B right": str(flip.counts["b"]),
        "both right": str(flip.counts["both"]),
        "both wrong": str(flip.counts["none"]),
    }
    if seeds > 1:
        row["lost in most seeds"] = str(flip.lost)
        row["won in most seeds"] = str(flip.won)
    return row


def _shown(flip: Flips, example: Example) -> Iterator[str]:
    if flip.counts:
        what = "A right, B wrong" if example.change > 0 else "A wrong, B right"
    else:
        what = f"error {example.change:+.{DIGITS}f}"
    label, one, other = (_predicted(flip, v) for v in ((example.label,), example.a, example.b))
    yield f"{example.id}: {what}; label {label}; A {one}; B {other}"
    yield from (f"    {text}" for text in example.texts)


def _predicted(flip: Flips, values: Sequence[float]) -> str:
    """Write predictions, one a seed: a class by its name, and once where all seeds agree."""
    texts = [
        f"{value:.{DIGITS}g}"
        if not flip.counts
        else (flip.classes[int(value)] if flip.classes else f"{value:g}")
        for value in values
    ]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)
