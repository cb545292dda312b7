"""Renderings of a bench: the same measurements for a terminal, Markdown, LaTeX, CSV and JSON."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from mtbench.rendering import markdown, spreadsheet
from mtbench.rendering import text as plain
from mtbench.rendering.escaping import json_text, visible
from mtbench.rendering.latex import tabular
from mtbench.study.timings import Bench, MeasuredCell, Timing

WITHOUT_RUNS = ("rejected", "broken")
"""States of cells that cannot be; the configuration of a broken one is as it was written."""

HEADINGS = ("step ms", "spread", "tokens/s", "of matmul", "peak MB", "harness", "relative")
ALIGNMENT = ("left", *["right"] * len(HEADINGS))


def as_text(bench: Bench) -> str:
    """Return the bench for people: the machine, a row a cell, and why cells have no numbers."""
    table = plain.table(_records(bench), alignment=ALIGNMENT)
    reasons = [visible(reason) for reason in _reasons(bench)]
    return "\n".join([visible(_heading(bench)), "", table, *([""] if reasons else []), *reasons])


def as_markdown(bench: Bench) -> str:
    """Return the bench as text with a Markdown table."""
    table = markdown.table(_records(bench), alignment=ALIGNMENT)
    reasons = [markdown.line(reason) for reason in _reasons(bench)]
    heading = markdown.line(_heading(bench))
    return "\n".join([heading, "", table, *([""] if reasons else []), *reasons])


def as_latex(bench: Bench) -> str:
    """Return the bench as a LaTeX table, with the rest of the text in comments."""
    return tabular(
        _records(bench), alignment=ALIGNMENT, above=[_heading(bench)], below=_reasons(bench)
    )


def as_csv(bench: Bench) -> str:
    """Return one row a cell, one column a number, empty where a cell was not measured."""
    nothing = dict.fromkeys(field.name for field in fields(Timing))
    records = [
        {
            "cell": cell.name,
            **(nothing if cell.timing is None else asdict(cell.timing)),
            "status": cell.status,
            "reason": _reason(cell),
        }
        for cell in bench.cells
    ]
    return spreadsheet.as_csv(records)


def as_json(bench: Bench) -> str:
    """Return the bench as a JSON object; a cell has numbers, or ``error`` or ``reason``."""
    value = {
        "matrix": bench.title,
        "matmul_gflops": bench.matmul_gflops,
        "machine": dict(bench.machine),
        "device": dict(bench.device),
        "versions": dict(bench.versions),
        "steps": bench.steps,
        "cells": [_json_record(cell) for cell in bench.cells],
    }
    return json_text(value)


BENCH_FORMATS: Mapping[str, Callable[[Bench], str]] = {
    "rich": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}


def _json_record(cell: MeasuredCell) -> dict[str, Any]:
    record = {"name": cell.name, "config": cell.config, "status": cell.status}
    if cell.timing is not None:
        return record | asdict(cell.timing)
    if cell.status in WITHOUT_RUNS:
        return record | {"reason": _reason(cell)}
    return record | {"error": cell.error, "log": cell.log}


def _heading(bench: Bench) -> str:
    machine = bench.machine
    threads = sorted(
        {c.config["train"]["threads"] for c in bench.cells if c.status not in WITHOUT_RUNS} or {1}
    )
    shown = ", ".join(map(str, threads)) + (" thread" if threads == [1] else " threads")
    rate = bench.matmul_gflops
    kinds = sorted({cell.timing.precision for cell in bench.cells if cell.timing is not None})
    parts = [
        f"{machine['processor']} ({machine['cores']} cores, {machine['system']})",
        ": ".join(bench.device.values()),
        shown,
        f"torch {bench.versions.get('torch', 'unknown')}",
        *([f"{rate:.1f} GFLOP/s in {', '.join(kinds)} products"] if rate is not None else []),
        f"{bench.steps} steps a cell",
    ]
    return "; ".join(parts)


def _reference(bench: Bench) -> float | None:
    """Return the median step of the first cell that was measured."""
    return next((c.timing.step_ms_median for c in bench.cells if c.timing is not None), None)


def _records(bench: Bench) -> list[dict[str, str]]:
    reference = _reference(bench)
    return [_record(cell, reference) for cell in bench.cells]


def _reasons(bench: Bench) -> list[str]:
    """Return why cells have no numbers."""
    return [f"{c.name}: {c.status}: {_reason(c)}" for c in bench.cells if c.timing is None]


def _record(cell: MeasuredCell, reference: float | None) -> dict[str, str]:
    timing = cell.timing
    if timing is None or reference is None:
        numbers = [cell.status, *["-"] * 6]
    else:
        share = timing.matmul_share
        memory = timing.peak_mb if timing.peak_device_mb is None else timing.peak_device_mb
        numbers = [
            f"{timing.step_ms_median:.1f}",
            f"{timing.step_ms_spread:.1f}",
            f"{timing.tokens_per_s:,.0f}",
            "-" if share is None else f"{share:.0%}",
            "-" if memory is None else f"{memory:,.0f}",
            "-" if timing.harness_share is None else f"{timing.harness_share:.1%}",
            f"{timing.step_ms_median / reference:.2f}x",
        ]
    return {"cell": cell.name, **dict(zip(HEADINGS, numbers, strict=True))}


def _reason(cell: MeasuredCell) -> str:
    return cell.fault or cell.rejection or cell.error or ""
