"""The document of a bench: the machine, a row a cell, and why cells have no numbers."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from mtbench.rendering.document import Document, Lines, Styled, Table
from mtbench.rendering.numbers import MISSING, number, percent
from mtbench.study.timings import Bench, MeasuredCell, Timing

WITHOUT_RUNS = ("rejected", "broken")
"""States of cells that cannot be; the configuration of a broken one is as it was written."""

HEADINGS = ("step ms", "spread", "tokens/s", "of matmul", "peak MB", "harness", "relative")


def document(bench: Bench) -> Document:
    """Return a bench as a document.

    CSV has one row a cell, one column a number, empty where a cell was not measured. Of JSON a
    cell has numbers, or ``error`` or ``reason``.
    """
    reasons = [f"{c.name}: {c.status}: {_reason(c)}" for c in bench.cells if c.timing is None]
    return Document(
        _title(bench),
        [Table("", _rows(bench)), Lines("", reasons)],
        partial(_records, bench),
        partial(_value, bench),
    )


def _records(bench: Bench) -> list[dict[str, Any]]:
    nothing = dict.fromkeys(field.name for field in fields(Timing))
    return [
        {
            "cell": cell.name,
            **(nothing if cell.timing is None else asdict(cell.timing)),
            "status": cell.status,
            "reason": _reason(cell),
        }
        for cell in bench.cells
    ]


def _value(bench: Bench) -> dict[str, Any]:
    return {
        "matrix": bench.title,
        "matmul_gflops": bench.matmul_gflops,
        "machine": dict(bench.machine),
        "device": dict(bench.device),
        "versions": dict(bench.versions),
        "steps": bench.steps,
        "cells": [_json_record(cell) for cell in bench.cells],
    }


def _json_record(cell: MeasuredCell) -> dict[str, Any]:
    record = {"name": cell.name, "config": cell.config, "status": cell.status}
    if cell.timing is not None:
        return record | asdict(cell.timing)
    if cell.status in WITHOUT_RUNS:
        return record | {"reason": _reason(cell)}
    return record | {"error": cell.error, "log": cell.log}


def _title(bench: Bench) -> str:
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
        *(
            [f"{number(rate, 1)} GFLOP/s in {', '.join(kinds)} products"]
            if rate is not None
            else []
        ),
        f"{bench.steps} steps a cell",
    ]
    return "; ".join(parts)


def _rows(bench: Bench) -> list[dict[str, str | Styled]]:
    steps = [cell.timing.step_ms_median for cell in bench.cells if cell.timing is not None]
    return [
        {"cell": cell.name, **dict(zip(HEADINGS, _texts(cell, steps), strict=True))}
        for cell in bench.cells
    ]


def _texts(cell: MeasuredCell, steps: Sequence[float]) -> list[str | Styled]:
    """Write what was measured of a cell; its step is held against the first."""
    timing = cell.timing
    if timing is None:
        return [Styled(cell.status, "" if cell.status == "rejected" else "failed"), *[MISSING] * 6]
    return [
        number(timing.step_ms_median, 1),
        number(timing.step_ms_spread, 1),
        number(timing.tokens_per_s, 0),
        percent(timing.matmul_share),
        number(timing.peak_mb if timing.peak_device_mb is None else timing.peak_device_mb, 0),
        percent(timing.harness_share, 1),
        f"{number(timing.step_ms_median / steps[0], 2)}x",
    ]


def _reason(cell: MeasuredCell) -> str:
    return cell.fault or cell.rejection or cell.error or ""
