"""The document of a comparison: what differs, in parts, and all numbers for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from mtbench.comparison.comparison import ComparedPair, Comparisons, records
from mtbench.comparison.discrepancies import Discrepancy, Pairing
from mtbench.comparison.flip_document import flip_parts
from mtbench.comparison.subjects import ComparedCell
from mtbench.evidence.outcomes import OVERALL
from mtbench.rendering.document import Document, Lines, Table, without_empty
from mtbench.rendering.numbers import MISSING, UNDEFINED, number, p_value

DIGEST = 64
"""Characters of a SHA-256; of one that is shown the first twelve tell enough."""

Row = dict[str, str]
Part = Table | Lines


def document(comparisons: Comparisons, *, details: bool = False) -> Document:
    """Return two cells, or many pairs of cells, held against each other as a document.

    CSV has one row a cell and task, and one for the cell's overall (see ``comparison.records``);
    JSON has every pair in full.

    Args:
        details: whether people are shown every pair of many in full, below the summary.
    """
    parts = [] if comparisons.single else [*_summary(comparisons)]
    if comparisons.single or details:
        parts += [part for pair in comparisons.pairs for part in _pair(pair)]
    return Document("", parts, partial(pair_records, comparisons), partial(_value, comparisons))


def pair_records(comparisons: Comparisons) -> list[dict[str, Any]]:
    """Return a record a pair of cells and task, the overall among them.

    Their keys are those of ``comparison.records``, and ``p_holm_cells``, the p value of an overall
    difference adjusted over the pairs.
    """
    return [
        record | {"p_holm_cells": adjusted if record["what"] == OVERALL else None}
        for pair, adjusted in zip(comparisons.pairs, comparisons.adjusted, strict=True)
        for record in records(pair)
    ]


def _value(comparisons: Comparisons) -> dict[str, Any]:
    return {
        "a": comparisons.a,
        "b": comparisons.b,
        "pairs": [
            _json_record(pair) | {"p_holm_cells": adjusted}
            for pair, adjusted in zip(comparisons.pairs, comparisons.adjusted, strict=True)
        ],
        "only_a": list(comparisons.only_a),
        "only_b": list(comparisons.only_b),
        "absent": dict(comparisons.absent),
    }


def _json_record(pair: ComparedPair) -> dict[str, Any]:
    return {
        "a": _subject(pair.a),
        "b": _subject(pair.b),
        "seeds": [list(seeds) for seeds in pair.seeds],
        "identical": pair.identical,
        "configuration": [asdict(d) for d in pair.configuration],
        "environment": [asdict(d) for d in pair.environment],
        "pairing": None if pair.pairing is None else asdict(pair.pairing),
        "scores": records(pair),
        "flips": [asdict(flip) for flip in pair.flips],
        "remarks": list(pair.remarks),
    }


def _subject(subject: ComparedCell) -> dict[str, Any]:
    keys = {str(seed): folder.key for seed, folder in subject.runs.items()}
    return {"address": subject.address, "cell": subject.name, "runs": keys}


def _summary(comparisons: Comparisons) -> Iterator[Part]:
    """Yield the overall differences of many pairs, and what is to be said of them."""
    rows = [
        {"cell": pair.a.name, "seeds": _seeds(pair)} | _row(records(pair)[-1], adjusted)
        for pair, adjusted in zip(comparisons.pairs, comparisons.adjusted, strict=True)
    ]
    yield Table("overall on dev, cell by cell", without_empty(rows, "remark"), words=["remark"])
    lines = [f"A: {comparisons.a}", f"B: {comparisons.b}", "p (Holm) is adjusted over the cells"]
    for name, alone in (("A", comparisons.only_a), ("B", comparisons.only_b)):
        if alone:
            lines.append(f"only in {name}: {'; '.join(alone)}")
    lines += [f"not compared: {name}: {reason}" for name, reason in comparisons.absent.items()]
    cells: dict[str, list[str]] = {}
    for pair in comparisons.pairs:
        for remark in pair.remarks:
            cells.setdefault(remark, []).append(pair.a.name)
    for remark, names in cells.items():
        everywhere = len(names) == len(comparisons.pairs)
        lines.append(f"{remark} ({'all cells' if everywhere else '; '.join(names)})")
    yield Lines("", lines)


def _seeds(pair: ComparedPair) -> str:
    if pair.seeds:
        return str(len(pair.seeds))
    return f"{len(pair.a.runs)}, {len(pair.b.runs)}"


def _pair(pair: ComparedPair) -> Iterator[Part]:
    """Yield what there is to tell of two cells."""
    lines = [f"A: {_side(pair.a)}", f"B: {_side(pair.b)}", *pair.remarks]
    if pair.identical:
        lines.append("identical outcomes: every example of dev, in every compared seed")
    yield Lines(f"{pair.a.name} (A) and {pair.b.name} (B)", lines)
    yield _discrepancies("configuration", pair.configuration)
    yield _discrepancies("environment", pair.environment)
    if pair.pairing is not None:
        yield Lines("pairing", list(_paired(pair.pairing)))
    rows = [
        {"task": f"{record['what']} {record['metric']}".rstrip()} | _row(record, record["p_holm"])
        for record in records(pair)
    ]
    over = f", over {pair.over}" if pair.over else ""
    yield Table(f"scores on dev{over}", without_empty(rows, "remark"), words=["remark"])
    yield Lines("", ["p (Holm) is adjusted over the tasks"] if len(rows) > 2 else [])
    yield from flip_parts(pair.flips, len(pair.seeds))


def _side(subject: ComparedCell) -> str:
    seeds = ", ".join(map(str, subject.runs))
    return f"{subject.address}, seed{'s' if len(subject.runs) > 1 else ''} {seeds}"


def _discrepancies(title: str, discrepancies: Sequence[Discrepancy]) -> Part:
    rows = [{"key": d.key, "A": _setting(d.a), "B": _setting(d.b)} for d in discrepancies]
    return Table(title, rows, words=("A", "B")) if rows else Lines(title, ["no difference"])


def _setting(value: Any) -> str:
    if value is None:
        return MISSING
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    parts = text.split(" / ")
    return " / ".join(part[:12] if len(part) == DIGEST else part for part in parts)


def _paired(pairing: Pairing) -> Iterator[str]:
    for what, agreements in (
        ("first weights", pairing.weights),
        ("order of the training examples", pairing.order),
        ("dev examples", pairing.examples),
    ):
        groups: dict[str, list[str]] = {}
        for name, agreement in agreements.items():
            groups.setdefault(agreement, []).append(name)
        shown = "; ".join(
            f"{agreement} ({', '.join(names)})" for agreement, names in groups.items()
        )
        yield f"{what}: {shown}"


def _row(record: Mapping[str, Any], p_adjusted: float | None) -> Row:
    """Return a difference for people, under the headings that all differences have."""
    low, high = (number(record[end], sign="+") for end in ("low", "high"))
    return {
        "A": number(record["a"], missing=UNDEFINED),
        "B": number(record["b"], missing=UNDEFINED),
        "B - A": number(record["difference"], sign="+"),
        "95 % interval": MISSING if record["low"] is None else f"{low} to {high}",
        "p": p_value(record["p"]),
        "p (Holm)": p_value(p_adjusted),
        "remark": "identical outcomes" if record["identical"] else record["reason"],
    }
