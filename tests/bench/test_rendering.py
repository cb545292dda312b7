import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from mtbench.bench.rendering import BENCH_FORMATS, as_csv, as_json, as_latex, as_markdown, as_text
from mtbench.study.timings import Bench, MeasuredCell, Timing

TIMING = Timing(
    flops_per_token=2e6,
    peak_mb=1234.5,
    peak_device_mb=None,
    precision="float32",
    run_steps=50,
    loading_s=1.5,
    evaluation_s=2.0,
    step_ms_median=100.0,
    step_ms_spread=1.25,
    tokens_per_s=12345.6,
    matmul_gflops=50.0,
    matmul_share=0.456,
    harness_share=0.0123,
    run_s=8.5,
)
CONFIG = {"train": {"threads": 1}}
BENCH = Bench(
    "a bench",
    {"processor": "a processor", "cores": 2, "system": "Linux x86_64"},
    {"type": "cpu"},
    {"torch": "2.9"},
    20,
    [
        MeasuredCell("rejected", {"train": {"threads": 9}}, rejection="heads.a (b): c, d"),
        MeasuredCell("sum", CONFIG, timing=TIMING),
        MeasuredCell("broken", CONFIG, error="ValueError: é", log="Traceback"),
        MeasuredCell(
            "pcgrad",
            {"train": {"threads": 2}},
            timing=replace(TIMING, step_ms_median=107.0, peak_device_mb=77.0, matmul_share=None),
        ),
    ],
)


def test_text() -> None:
    heading, blank, names, _, *rows, gap, rejected, broken = as_text(BENCH).splitlines()

    assert heading == (
        "a processor (2 cores, Linux x86_64); cpu; 1, 2 threads; torch 2.9; "
        "50.0 GFLOP/s in float32 products; 20 steps a cell"
    )
    assert (blank, gap) == ("", "")
    assert re.split(" {2,}", names) == [
        *("cell", "step ms", "spread", "tokens/s"),
        *("of matmul", "peak MB", "harness", "relative"),
    ]
    assert [row.split() for row in rows] == [
        ["rejected", "rejected", *"------"],
        ["sum", "100.0", "1.2", "12,346", "46%", "1,234", "1.2%", "1.00x"],
        ["broken", "failed", *"------"],
        ["pcgrad", "107.0", "1.2", "12,346", "-", "77", "1.2%", "1.07x"],
    ]
    assert rejected == "rejected: rejected: heads.a (b): c, d"
    assert broken == "broken: failed: ValueError: é"


def test_markdown_is_the_text_with_a_table_of_markdown() -> None:
    text, markdown = as_text(BENCH).splitlines(), as_markdown(BENCH).splitlines()

    assert (markdown[:2], markdown[-3:]) == (text[:2], text[-3:])
    assert [part.strip() for part in markdown[5].split("|")[1:-1]] == text[5].split()


def test_latex_has_the_text_in_comments() -> None:
    text, latex = as_text(BENCH).splitlines(), as_latex(BENCH).splitlines()

    assert (latex[0], latex[-2:]) == (f"% {text[0]}", [f"% {line}" for line in text[-2:]])
    assert latex[1] == r"\begin{tabular}{lrrrrrrr}"
    assert latex[6].removesuffix(r" \\").split(" & ")[0].strip() == "sum"
    assert r"46\%" in latex[6]


def test_json() -> None:
    value = json.loads(as_json(BENCH))

    assert {"matmul_gflops", "machine", "steps", "cells"} <= set(value)
    assert (value["matmul_gflops"], value["steps"], value["machine"]) == (50.0, 20, BENCH.machine)
    rejected, measured, broken, other = value["cells"]
    assert rejected["reason"] == "heads.a (b): c, d"
    assert (broken["error"], broken["log"]) == ("ValueError: é", "Traceback")
    keys = {"step_ms_median", "step_ms_spread", "tokens_per_s", "matmul_share", "peak_mb"}
    assert {"name", "config", "status", *keys} <= set(measured)
    assert {key: measured[key] for key in vars(TIMING)} == vars(TIMING)
    assert other["config"] == {"train": {"threads": 2}}
    assert [cell["status"] for cell in value["cells"]] == ["rejected", "done", "failed", "done"]


def test_csv_has_one_row_a_cell() -> None:
    heading, *rows = csv.reader(io.StringIO(as_csv(BENCH)))

    assert heading == ["cell", *(field.name for field in fields(Timing)), "status", "reason"]
    first, second, third, _ = (dict(zip(heading, row, strict=True)) for row in rows)
    assert (first["cell"], first["step_ms_median"], first["status"]) == (
        "rejected",
        "",
        "rejected",
    )
    assert (second["step_ms_median"], second["run_steps"]) == ("100.0", "50")
    assert (third["status"], third["reason"]) == ("failed", "ValueError: é")


def test_without_a_rate_the_heading_has_none() -> None:
    cells = [MeasuredCell("a", CONFIG, error="no")]

    heading, *_ = as_text(replace(BENCH, cells=cells)).splitlines()

    assert heading == (
        "a processor (2 cores, Linux x86_64); cpu; 1 thread; torch 2.9; 20 steps a cell"
    )


def test_on_a_gpu_its_name_is_told_and_the_harness_has_no_share() -> None:
    cell = MeasuredCell("a", CONFIG, timing=replace(TIMING, harness_share=None))
    on_gpu = replace(BENCH, device={"type": "cuda", "name": "a card"}, cells=[cell])

    heading, *_, row = as_text(on_gpu).splitlines()

    assert "; cuda: a card; " in heading
    assert row.split()[-2:] == ["-", "1.00x"]
    value = json.loads(as_json(on_gpu))
    assert value["device"] == {"type": "cuda", "name": "a card"}
    assert value["cells"][0]["harness_share"] is None
    (record,) = csv.DictReader(io.StringIO(as_csv(on_gpu)))
    assert record["harness_share"] == ""


def test_a_bench_without_a_possible_cell_is_rendered() -> None:
    only = replace(BENCH, cells=BENCH.cells[:1])
    for form in BENCH_FORMATS:
        assert "heads.a (b): c, d" in BENCH_FORMATS[form](only)


@pytest.mark.parametrize("form", BENCH_FORMATS)
def test_a_rendering_ends_without_a_blank_line(form: str) -> None:
    assert BENCH_FORMATS[form](BENCH) == BENCH_FORMATS[form](BENCH).rstrip()


def test_a_broken_cell_has_its_reason() -> None:
    """Its configuration is as it was written, and may say nothing of threads."""
    broken = MeasuredCell("a", {"combiner": "b"}, fault="combiner 'b' of c: d")
    value = replace(BENCH, cells=[broken, *BENCH.cells])

    assert as_text(value).splitlines()[-3] == "a: broken: combiner 'b' of c: d"
    assert json.loads(as_json(value))["cells"][0] == {
        "name": "a",
        "config": {"combiner": "b"},
        "status": "broken",
        "reason": "combiner 'b' of c: d",
    }
    record, *_ = csv.DictReader(io.StringIO(as_csv(value)))
    assert (record["status"], record["reason"]) == ("broken", "combiner 'b' of c: d")


@pytest.mark.parametrize("form", BENCH_FORMATS)
def test_a_name_is_a_name_in_every_form(
    form: str, trap: str, is_harmless: Callable[[str, str], bool]
) -> None:
    cells = [MeasuredCell(trap, CONFIG, error=trap, log=trap), MeasuredCell(trap, CONFIG, TIMING)]
    bench = replace(BENCH, title=trap, machine={**BENCH.machine, "processor": trap}, cells=cells)

    assert is_harmless(form, BENCH_FORMATS[form](bench))
