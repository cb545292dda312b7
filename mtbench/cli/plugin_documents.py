"""The documents of plugins: what they bring, one component in full, what its checks came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from mtbench.components.entries import label
from mtbench.components.registry import Registry
from mtbench.rendering.document import Document, Lines, Styled, Table
from mtbench.specs import KINDS

if TYPE_CHECKING:
    from mtbench.testing.conformance import Report


def list_document(registry: Registry) -> Document:
    """Return what every plugin brings, by kind and name, what is broken and what is blocked.

    CSV has the components; JSON is an object of ``components``, ``broken`` and ``blocked``.
    """
    order = list(KINDS)
    entries = sorted(registry.entries, key=lambda e: (order.index(e.spec.kind), e.spec.name))
    value = {
        "components": [
            {
                "kind": entry.spec.kind,
                "name": entry.spec.name,
                "summary": entry.spec.summary,
                "distribution": entry.provider.distribution,
                "version": entry.provider.version,
            }
            for entry in entries
        ],
        "broken": [
            {**asdict(problem.provider), "hook": problem.hook or "", "reason": problem.reason}
            for problem in registry.problems
        ],
        "blocked": [asdict(provider) for provider in registry.blocked],
    }
    titles = {"components": ""}
    tables = [_words(titles.get(name, name), records) for name, records in value.items()]
    return Document("", tables, lambda: value["components"], lambda: value)


def component_document(entries: Sequence[Mapping[str, Any]]) -> Document:
    """Return components in full.

    CSV has a row a parameter; JSON is a list of all that is told of each.

    Args:
        entries: as ``catalogue.details`` returns them.
    """
    parts: list[Lines | Table] = []
    for entry in entries:
        title = f"{entry['kind']} {entry['name']}: {entry['summary']}"
        parts += [Lines(title, list(_lines(entry))), _words("parameters", entry["parameters"])]
    return Document("", parts, partial(_parameters, entries), lambda: entries)


def _lines(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what there is to tell of a component, but for its parameters."""
    who = f"{entry['distribution']} {entry['version']}".rstrip()
    yield f"from {who} ({entry['module']})"
    if entry["paper"]:
        yield entry["paper"]
    if entry["api"] != 1:
        yield f"api: {entry['api']}"
    if "needs" in entry:
        yield f"needs: {entry['needs']}" + (", observes each update" if entry["observes"] else "")
    if "output" in entry:
        yield f"output: {entry['output']}"
    if entry["promises"]:
        yield f"promises: {', '.join(entry['promises'])}"
    for check, reason in entry["expected_failures"].items():
        yield f"expected to fail: {check} ({reason})"
    yield f"in a matrix: {entry['example']}"


def _parameters(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"kind": entry["kind"], "component": entry["name"], **parameter}
        for entry in entries
        for parameter in entry["parameters"]
    ]


def check_document(reports: Sequence[Report]) -> Document:
    """Return what the checks of components came to: CSV has a row a check."""
    parts: list[Lines | Table] = []
    for report in reports:
        rows = [{**row, "outcome": _outcome(row["outcome"])} for row in report.rows()]
        parts += [_words(label(report.entry), rows), Lines("", [report.summary()])]
    return Document(
        "",
        parts,
        lambda: [
            {"kind": report.entry.spec.kind, "component": report.entry.spec.name, **row}
            for report in reports
            for row in report.rows()
        ],
        lambda: [report.record() for report in reports],
    )


def _outcome(text: str) -> str | Styled:
    return Styled(text, "failed") if text == "failed" else text


def _words(title: str, records: Sequence[Mapping[str, str | Styled]]) -> Table:
    """Return a table whose columns all hold words."""
    return Table(title, records, words=records[0].keys() if records else ())
