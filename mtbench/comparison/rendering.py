"""Renderings of a comparison: the same numbers for a terminal, Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mtbench.board.standings import DIGITS
from mtbench.comparison.differences import Difference
from mtbench.comparison.discrepancies import Discrepancy, Pairing
from mtbench.comparison.flip_rendering import flip_sections
from mtbench.comparison.record import Comparison, Comparisons, all_records, records
from mtbench.comparison.sections import Row, Section
from mtbench.evidence.statistics import Interval
from mtbench.rendering import spreadsheet
from mtbench.rendering.escaping import json_text, visible

DIGEST = 64
"""Characters of a SHA-256; of one that is shown the first twelve tell enough."""


def as_text(found: Comparisons, *, details: bool = False) -> str:
    """Return the comparison for people: sections with tables and lines.

    Args:
        details: whether every pair of many cells is shown in full, below the summary.
    """
    return "\n\n".join(section.text() for section in _sections(found, details=details))


def as_markdown(found: Comparisons, *, details: bool = False) -> str:
    """Return the comparison as Markdown; see ``as_text``."""
    return "\n\n".join(section.markdown() for section in _sections(found, details=details))


def as_latex(found: Comparisons, *, details: bool = False) -> str:
    """Return the comparison as LaTeX tables, with the rest in comments; see ``as_text``."""
    return "\n\n".join(section.latex() for section in _sections(found, details=details))


def as_csv(found: Comparisons) -> str:
    """Return one row a cell and task, and one for the cell's overall; see ``all_records``."""
    return spreadsheet.as_csv(all_records(found))


def as_json(found: Comparisons) -> str:
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
    return json_text(value)


COMPARISON_FORMATS: Mapping[str, Callable[..., str]] = {
    "rich": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}
"""Each takes the comparisons; those of ``IN_SECTIONS`` take ``details`` too."""

IN_SECTIONS = ("rich", "markdown", "latex")


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


def _sections(found: Comparisons, *, details: bool) -> list[Section]:
    if found.single:
        return list(_pair(found.pairs[0]))
    pairs = found.pairs if details else []
    return [_summary(found), *(section for pair in pairs for section in _pair(pair))]


def _summary(found: Comparisons) -> Section:
    rows = [
        {
            "cell": pair.a.name,
            "seeds": _seeds(pair),
            **_numbers(pair.overall),
            "p (Holm)": _p(adjusted),
            "remark": _verdict(pair.overall),
        }
        for pair, adjusted in zip(found.pairs, found.adjusted, strict=True)
    ]
    lines = [f"A: {found.a}", f"B: {found.b}", "p (Holm) is adjusted over the cells"]
    for name, alone in (("A", found.only_a), ("B", found.only_b)):
        if alone:
            lines.append(f"only in {name}: {'; '.join(alone)}")
    lines += [f"not compared: {name}: {reason}" for name, reason in found.absent.items()]
    cells: dict[str, list[str]] = {}
    for pair in found.pairs:
        for remark in pair.remarks:
            cells.setdefault(remark, []).append(pair.a.name)
    for remark, names in cells.items():
        shown = "all cells" if len(names) == len(found.pairs) else "; ".join(names)
        lines.append(f"{remark} ({shown})")
    lines = list(map(visible, lines))
    return Section("overall on dev, cell by cell", _without_empty(rows), lines, numbers=True)


def _seeds(pair: Comparison) -> str:
    if pair.seeds:
        return str(len(pair.seeds))
    return f"{len(pair.a.runs)}, {len(pair.b.runs)}"


def _without_empty(rows: Sequence[Row]) -> list[Row]:
    """Leave out the remarks where no row has one."""
    if any(row["remark"] for row in rows):
        return list(rows)
    return [{key: text for key, text in row.items() if key != "remark"} for row in rows]


def _pair(pair: Comparison) -> Iterator[Section]:
    """Yield the sections of two cells."""
    lines = [f"A: {_side(pair, 'a')}", f"B: {_side(pair, 'b')}", *pair.remarks]
    if pair.identical:
        lines.append("identical outcomes: every example of dev, in every compared seed")
    heading = f"{pair.a.name} (A) and {pair.b.name} (B)"
    yield Section(heading, lines=list(map(visible, lines)))
    yield _discrepancies("configuration", pair.configuration)
    yield _discrepancies("environment", pair.environment)
    if pair.pairing is not None:
        yield Section("pairing", lines=list(map(visible, _paired(pair.pairing))))
    rows = [
        {
            "task": f"{d.what} {d.metric}".rstrip(),
            **_numbers(d),
            "p (Holm)": _p(d.p_adjusted),
            "remark": _verdict(d),
        }
        for d in pair.differences
    ]
    over = f", over {pair.over}" if pair.over else ""
    adjusted = ["p (Holm) is adjusted over the tasks"] if len(rows) > 2 else []
    yield Section(f"scores on dev{over}", _without_empty(rows), adjusted, numbers=True)
    yield from flip_sections(pair.flips, len(pair.seeds))


def _side(pair: Comparison, side: str) -> str:
    subject = pair.a if side == "a" else pair.b
    seeds = ", ".join(map(str, subject.runs))
    return f"{subject.address}, seed{'s' if len(subject.runs) > 1 else ''} {seeds}"


def _discrepancies(heading: str, found: Sequence[Discrepancy]) -> Section:
    rows = [{"key": d.key, "A": _value(d.a), "B": _value(d.b)} for d in found]
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
        told = "; ".join(
            f"{agreement} ({', '.join(names)})" for agreement, names in groups.items()
        )
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
