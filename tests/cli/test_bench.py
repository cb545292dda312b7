import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.study.durations import makespan

Call = Callable[..., Any]  # of the command line; see conftest

KEYS = {"name", "config", "step_ms_median", "step_ms_spread", "tokens_per_s", "matmul_share"}


@pytest.fixture
def matrix(study: Any) -> Path:
    file: Path = study.matrix
    return file


def test_two_cells_from_end_to_end(call: Call, matrix: Path, tmp_path: Path) -> None:
    given = (matrix, "--set", "heads.pd=linear", "--device", "cpu", "--steps", 2)

    answer = call("bench", *given, "--format", "json")

    assert answer.code == 0
    value = json.loads(answer.out)
    assert {"matmul_gflops", "machine", "steps", "cells"} <= set(value)
    assert (value["steps"], value["device"]) == (2, {"type": "cpu"})
    assert [cell["name"] for cell in value["cells"]] == ["combiner=sum", "combiner=pcgrad"]
    for cell in value["cells"]:
        assert {*KEYS, "peak_mb", "harness_share"} <= set(cell)
        assert cell["step_ms_median"] > 0
        assert cell["step_ms_spread"] >= 0
        assert cell["matmul_share"] > 0
        assert 0 < cell["harness_share"] < 1
    assert answer.err.splitlines() == [
        "combiner=sum: starting",
        "combiner=pcgrad: starting",
        "measuring, 3 + 2 steps a cell",
    ]
    assert len(list((tmp_path / ".mtbench" / "timings").iterdir())) == 2

    # What was measured is what the plan of the matrix, other seeds too, then reckons with.
    plan = json.loads(call("plan", *given[:5], "--seeds", 3, "--format", "json").out)["plan"]

    estimate = plan["estimate"]
    assert (estimate["runs"], estimate["unknown"]) == (6, 0)
    each = [cell["run_s"] for cell in value["cells"]]
    in_order = [seconds for seconds in each for _ in range(3)]
    assert estimate["seconds"] == pytest.approx(makespan([], in_order, estimate["jobs"]))
    assert estimate["evidence"] == {"timing": 6}

    # Another budget is reckoned from the parts, and the line names what it is reckoned from.
    longer = call("plan", *given[:5], "--set", "train.steps=1000")
    assert "(2 by their nearest stored relatives: combiner=sum; combiner=pcgrad)" in longer.out


def test_a_cell_that_fails_has_its_message_and_log(
    call: Call, matrix: Path, trouble: Path
) -> None:
    given = (matrix, "-k", "sum", "--set", "heads.pd=linear", "--steps", 1)

    answer = call("bench", *given, "--set", "heads.sst=not-a-number", "--plugin", trouble)

    assert answer.code == 3
    assert "combiner=sum: failed: " in answer.out
    assert "log of combiner=sum:\nTraceback" in answer.err
    assert answer.err.endswith("error: 1 of 1 cells failed; the table says why\n")


def test_a_disk_that_fills_up_takes_no_numbers_away(
    call: Call, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    given = (matrix, "-k", "sum", "--set", "heads.pd=linear", "--steps", 1)
    monkeypatch.setattr("mtbench.store.timings.write_json", full)

    answer = call("bench", *given)

    assert answer.code == 2
    assert "1.00x" in answer.out
    last = answer.err.splitlines()[-1]
    assert last.startswith("error: the store .mtbench cannot be written: ")
    assert "Traceback" not in answer.err


def test_where_every_cell_is_rejected(call: Call, matrix: Path) -> None:
    answer = call("bench", matrix, "-k", "cosine")

    assert answer.code == 5
    assert answer.out.count("rejected: heads.pd (cosine)") == 2
    assert answer.err == "error: every cell was rejected; the table says why\n"


def test_without_a_matrix_it_has_one_of_its_own(call: Call) -> None:
    answer = call("bench", "-k", "'neither of them'")

    assert (answer.code, answer.out) == (2, "")
    assert "(cells: combiner=sum; combiner=pcgrad)" in answer.err


@pytest.mark.parametrize("wrong", [("--steps", 0), ("--seeds", 2), ("there-is-none.toml",)])
def test_what_does_not_fit_is_refused(call: Call, wrong: tuple[Any, ...]) -> None:
    answer = call("bench", *wrong)

    assert (answer.code, answer.out) == (2, "")
    assert str(wrong[0]) in answer.err


def test_the_process_that_drives_the_others_brings_no_torch(matrix: Path) -> None:
    argv = ["mtbench", "bench", str(matrix), "-k", "cosine"]
    script = f"""
import sys
from mtbench.cli import main
sys.argv = {argv!r}
try:
    main()
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=matrix.parent,
    )

    assert (done.returncode, done.stdout.splitlines()[-1]) == (5, "False")
