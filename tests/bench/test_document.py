import re
from dataclasses import fields, replace
from typing import Any

from mtbench.bench.document import document
from mtbench.rendering import render
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


def lines_of(bench: Bench) -> list[str]:
    return render(document(bench)).splitlines()


def value_of(bench: Bench) -> Any:
    made = document(bench).value
    assert made is not None
    return made()


def test_people_are_told_the_machine_a_row_a_cell_and_reasons() -> None:
    heading, blank, names, _, *rows, rejected, broken = lines_of(BENCH)

    assert heading == (
        "a processor (2 cores, Linux x86_64); cpu; 1, 2 threads; torch 2.9; "
        "50.0 GFLOP/s in float32 products; 20 steps a cell"
    )
    assert blank == ""
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


def test_json() -> None:
    value = value_of(BENCH)

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


def test_records_are_one_a_cell() -> None:
    first, second, third, _ = document(BENCH).records()

    assert list(first) == ["cell", *(field.name for field in fields(Timing)), "status", "reason"]
    assert (first["cell"], first["step_ms_median"], first["status"]) == (
        "rejected",
        None,
        "rejected",
    )
    assert (second["step_ms_median"], second["run_steps"]) == (100.0, 50)
    assert (third["status"], third["reason"]) == ("failed", "ValueError: é")


def test_without_a_rate_the_heading_has_none() -> None:
    cells = [MeasuredCell("a", CONFIG, error="no")]

    heading, *_ = lines_of(replace(BENCH, cells=cells))

    assert heading == (
        "a processor (2 cores, Linux x86_64); cpu; 1 thread; torch 2.9; 20 steps a cell"
    )


def test_on_a_gpu_its_name_is_told_and_the_harness_has_no_share() -> None:
    cell = MeasuredCell("a", CONFIG, timing=replace(TIMING, harness_share=None))
    on_gpu = replace(BENCH, device={"type": "cuda", "name": "a card"}, cells=[cell])

    heading, *_, row = lines_of(on_gpu)

    assert "; cuda: a card; " in heading
    assert row.split()[-2:] == ["-", "1.00x"]
    value = value_of(on_gpu)
    assert value["device"] == {"type": "cuda", "name": "a card"}
    assert value["cells"][0]["harness_share"] is None


def test_a_bench_without_a_possible_cell_has_its_reason() -> None:
    only = replace(BENCH, cells=BENCH.cells[:1])
    assert lines_of(only)[-1] == "rejected: rejected: heads.a (b): c, d"


def test_a_broken_cell_has_its_reason() -> None:
    """Its configuration is as it was written, and may say nothing of threads."""
    broken = MeasuredCell("a", {"combiner": "b"}, fault="combiner 'b' of c: d")
    value = replace(BENCH, cells=[broken, *BENCH.cells])

    assert lines_of(value)[-3] == "a: broken: combiner 'b' of c: d"
    assert value_of(value)["cells"][0] == {
        "name": "a",
        "config": {"combiner": "b"},
        "status": "broken",
        "reason": "combiner 'b' of c: d",
    }
    record, *_ = document(value).records()
    assert (record["status"], record["reason"]) == ("broken", "combiner 'b' of c: d")
