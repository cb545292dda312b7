import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]  # of the command line; see conftest

DONE = ["combiner=sum, heads.pd=linear", "combiner=pcgrad, heads.pd=linear"]


def cells(answer: Any) -> dict[str, Any]:
    """Return the cells of a leaderboard in JSON by their names."""
    return {cell["name"]: cell for cell in json.loads(answer.out)["cells"]}


def counts(answer: Any) -> dict[str, int]:
    """Return the counts of a plan in JSON."""
    found: dict[str, Any] = json.loads(answer.out)["plan"]
    return {name: count for name, count in found.items() if name != "estimate"}


def without_cost(markdown: str) -> str:
    """Return a leaderboard without the table of what its runs took."""
    return re.sub(r"#### Cost, .*?(?=####)", "", markdown, flags=re.DOTALL)


# --- one study --------------------------------------------------------------------------------


def test_ablate_trains_and_prints(study: Any) -> None:
    assert study.first.code == 0
    assert study.first.out.startswith("### a small study\n\n| cell")
    took = r"[0-9.]+ \(\d+ s\)(; about \d+ (s|min) to go)?$"
    lines = [re.sub(took, "_", line) for line in study.first.err.splitlines()]
    assert sorted(lines) == sorted(
        [
            *(f"[{i}/2] {name} [seed 0] ..." for i, name in enumerate(DONE, start=1)),
            *(f"{name} [seed 0]: overall _" for name in DONE),
        ]
    )


def test_a_second_ablate_trains_nothing_and_prints_the_same(call: Call, study: Any) -> None:
    before = {file: file.stat().st_mtime_ns for file in study.store.rglob("*.*")}

    again = call("ablate", *study.given, "--format", "markdown")
    board = call("leaderboard", *study.given, "--format", "markdown")

    assert (again.code, again.err) == (0, "")
    assert again.out == board.out == study.first.out
    assert {file: file.stat().st_mtime_ns for file in study.store.rglob("*.*")} == before


def test_the_plan_says_what_is_stored(call: Call, study: Any) -> None:
    planned = call("plan", *study.given, "--format", "json")

    assert planned.code == 0
    assert counts(planned) == {
        "cells": 4,
        "rejected": 2,
        "broken": 0,
        "runs": 2,
        "stored": 2,
        "failed": 0,
        "running": 0,
        "damaged": 0,
        "missing": 0,
        "to_do": 0,
    }
    runs = json.loads(planned.out)["runs"]
    assert [run["state"] for run in runs] == ["done", "rejected"] * 2
    folders = {folder.name for folder in (study.store / "runs").iterdir()}
    assert {run["run"] for run in runs if run["run"]} == folders


def test_runs_in_turn_and_side_by_side_give_the_same_numbers(
    call: Call, study: Any, tmp_path: Path
) -> None:
    store = tmp_path / "store"

    answer = call("ablate", study.matrix, "--store", store, "--jobs", 1, "--format", "markdown")

    of_two_at_a_time = study.first.out
    assert without_cost(answer.out) == without_cost(of_two_at_a_time) != study.first.out
    compared = 0
    for result in store.rglob("result.json"):
        other = study.store / result.relative_to(store)
        one, two = (json.loads(file.read_text()) for file in (result, other))
        for part in ("scores", "overall", "hashes"):
            assert one[part] == two[part]
        checkpoints = [file.with_name("checkpoint.safetensors") for file in (result, other)]
        assert checkpoints[0].read_bytes() == checkpoints[1].read_bytes()
        compared += 1
    assert compared == 2


# --- what options do --------------------------------------------------------------------------


def test_a_dry_run_reckons_with_the_jobs_that_it_is_given(call: Call, study: Any) -> None:
    given = (*study.given, "--seeds", 4, "--dry-run", "--format", "json")
    one, three = (
        json.loads(call("ablate", *given, "--jobs", jobs).out)["plan"]["estimate"]
        for jobs in (1, 3)
    )

    assert (one["jobs"], three["jobs"]) == (1, 3)
    assert one["seconds"] == pytest.approx(3 * three["seconds"])


def test_a_dry_run_shows_the_plan_and_leaves_nothing(call: Call, study: Any) -> None:
    store = Path("elsewhere")
    arguments = (study.matrix, "--store", store, "--format", "json")

    dry = call("ablate", *arguments, "--dry-run")

    assert (dry.code, dry.out) == (0, call("plan", *arguments).out)
    assert counts(dry)["to_do"] == 2
    assert not store.exists()


def test_the_store_is_below_the_working_folder(call: Call, study: Any) -> None:
    Path(".mtbench").symlink_to(study.store, target_is_directory=True)

    assert counts(call("plan", study.matrix, "--format", "json"))["stored"] == 2


def test_a_matrix_without_an_encoder_trains_tiny_offline(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    task = '{ name = "sample-pd", train = 8, dev = 8, test = 4 }'
    Path("m.toml").write_text(f"seeds = 1\n[base]\ntasks = [{task}]\ntrain = {{ steps = 1 }}\n")

    answer = call("ablate", "m.toml", "--format", "json")

    ((_, cell),) = cells(answer).items()
    assert (answer.code, cell["status"]) == (0, "done")
    (request,) = Path(".mtbench").rglob("run.json")
    assert json.loads(request.read_text())["config"]["encoder"]["name"] == "tiny"


def test_the_data_folder_comes_from_option_matrix_or_environment(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = "\tid\tsentence\tsentiment\n0\ta\tgood\t1\n1\tb\tbad\t0\n"
    (tmp_path / "files").mkdir()
    for split in ("train", "dev"):
        (tmp_path / "files" / f"ids-sst-{split}.csv").write_text(rows)
    (tmp_path / "m.toml").write_text('[base]\ntasks = ["sst"]\n')
    (tmp_path / "n.toml").write_text('[base]\ntasks = ["sst"]\ndata.dir = "files"\n')

    nowhere = call("plan", "m.toml")
    by_option = call("plan", "m.toml", "--data", "files", "--format", "csv")
    by_matrix = call("plan", "n.toml", "--format", "csv")
    monkeypatch.setenv("MTBENCH_DATA", "files")
    by_environment = call("plan", "m.toml", "--format", "csv")
    wrong = call("plan", "m.toml", "--data", "no-files")

    assert nowhere.code == 2
    for way in ("--data", "data.dir", "MTBENCH_DATA"):
        assert way in nowhere.err
    assert by_option.code == by_matrix.code == by_environment.code == 0
    assert by_option.out == by_matrix.out == by_environment.out
    assert wrong.code == 2
    assert "no-files" in wrong.err


def test_write_puts_the_table_into_the_readme(call: Call, study: Any, tmp_path: Path) -> None:
    matrix = tmp_path / "small.toml"
    matrix.write_text(study.matrix.read_text())
    (tmp_path / "README.md").write_text("# A study\n")

    answer = call("leaderboard", matrix, "--store", study.store, "--write", "--format", "csv")

    text = (tmp_path / "README.md").read_text()
    assert (answer.code, answer.err) == (0, f"wrote {tmp_path / 'README.md'}\n")
    assert answer.out.startswith("cell,")
    assert text.startswith("# A study\n\n<!-- mtbench:leaderboard small.toml -->\n\n### a")
    assert study.first.out.strip() in text


def test_the_table_of_a_second_matrix_replaces_no_other(
    call: Call, study: Any, tmp_path: Path
) -> None:
    one, two = tmp_path / "matrix.toml", tmp_path / "two.toml"
    for matrix in (one, two):  # of the same title
        matrix.write_text(study.matrix.read_text())
    at = ("--store", study.store, "--write")
    assert call("leaderboard", one, *at).code == 0
    before = (tmp_path / "README.md").read_bytes()

    second = call("leaderboard", two, *at)

    assert (second.code, second.out) == (2, "")
    assert second.err.splitlines() == [
        f"error: {tmp_path / 'README.md'}: it holds the table of {one}, which that of {two} would "
        "replace: give one of the two a folder of its own, or take the old table out"
    ]
    assert (tmp_path / "README.md").read_bytes() == before
    assert call("leaderboard", tmp_path, *at).code == 0


@pytest.mark.parametrize("command", ["ablate", "leaderboard"])
def test_a_reference_that_is_no_cell_is_told_before_anything_is_trained(
    call: Call, study: Any, tmp_path: Path, command: str
) -> None:
    store = tmp_path / "store"

    answer = call(command, study.matrix, "--store", store, "--reference", DONE[0][:-1])

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: unknown cell {DONE[0][:-1]!r} in --reference; did you ")
    assert f"mean {DONE[0]!r}?" in answer.err
    assert not store.exists()


def test_a_table_with_holes_is_not_written(call: Call, study: Any) -> None:
    Path("matrix.toml").write_text(study.matrix.read_text())
    Path("README.md").write_text("a good table\n")

    answer = call("leaderboard", ".", "--store", study.store, "--seeds", "2", "--write")

    assert (answer.code, answer.out) == (3, "")
    assert Path("README.md").read_text() == "a good table\n"


# --- what ends otherwise than well ------------------------------------------------------------


def test_runs_that_are_not_there_are_exit_code_3(call: Call, study: Any) -> None:
    given = (study.matrix, "--set", "train.lr=1e-4", "-k", "sum or pcgrad", "--store", "empty")
    answer = call("leaderboard", *given, "--format", "json")

    assert answer.code == 3
    assert answer.err.startswith(
        f"error: 2 of 2 runs have no score (0 failed); mtbench ablate {study.matrix} --set "
        "train.lr=1e-4 -k 'sum or pcgrad' --store empty --format json trains them;"
    )
    assert [cell["status"] for cell in cells(answer).values()] == ["missing", "rejected"] * 2
    assert cells(answer)[DONE[0]]["overall"]["mean"] is None


def test_nothing_but_rejected_cells_is_exit_code_5(call: Call, study: Any) -> None:
    answer = call("ablate", *study.given, "-k", "cosine", "--format", "json")

    assert (answer.code, len(cells(answer))) == (5, 2)
    assert answer.err == "error: every cell was rejected; the table says why\n"


def test_what_fails_is_told_and_tried_again(
    call: Call, study: Any, trouble: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(study.store, tmp_path / "store")
    arguments = (
        *(study.matrix, "--store", store, "--plugin", trouble),
        *("--axis", "heads.pd=linear,not-a-number", "-k", "sum"),
    )
    linear, not_a_number = (
        f"combiner=sum, heads.pd={head}" for head in ("linear", "not-a-number")
    )

    failed = call("ablate", *arguments, "--format", "json")

    assert failed.code == 3
    assert "error: 1 of 2 runs have no score (1 failed)" in failed.err.splitlines()[-1]
    board = cells(failed)
    assert {name: cell["status"] for name, cell in board.items()} == {
        linear: "done",
        not_a_number: "failed",
    }
    reason = "NonFiniteLoss: the loss of task 'pd' is nan at step 1"
    assert board[not_a_number]["reason"] == reason
    assert board[not_a_number]["overall"]["mean"] is None
    assert {score["mean"] for score in board[not_a_number]["scores"].values()} == {None}

    (key,) = re.findall(rf"{not_a_number} \[seed 0\]: failed: .* status (\w+) --log", failed.err)
    listed = call("status", "--store", store).out
    details = call("status", key, "--store", store).out
    log = call("status", key, "--log", "--store", store).out
    assert reason in listed
    assert f"error: {reason}" in details
    assert log.startswith("Traceback (most recent call last):")
    assert log.splitlines()[-1].endswith(reason)

    trouble.with_name("trouble").unlink()
    mended = call("ablate", *arguments, "--format", "json")

    assert mended.code == 0
    assert "[1/1]" in mended.err
    assert {cell["status"] for cell in cells(mended).values()} == {"done"}


def test_an_interrupt_ends_the_runs_and_the_next_call_goes_on(
    call: Call, start: Callable[..., Any], study: Any, trouble: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(study.store, tmp_path / "store")
    arguments = (
        *(study.matrix, "--store", store, "--plugin", trouble),
        *("--axis", "heads.pd=linear,endless", "-k", "sum", "--format", "json"),
    )
    process = start("ablate", *arguments)
    expected, begun = process.popen.stderr.readline(), process.popen.stderr.readline()
    while not any(
        '"event": "phase"' in file.read_text()
        for file in store.rglob("history.jsonl")
        if not file.with_name("result.json").exists()
    ):
        time.sleep(0.05)
    meanwhile = call("plan", *arguments)

    process.interrupt()
    ended = process.finish()

    assert re.fullmatch(r"about \d+ s for 1 run, \w+ at a time\n", expected)
    assert begun == "[1/1] combiner=sum, heads.pd=endless [seed 0] ...\n"
    assert (counts(meanwhile)["stored"], counts(meanwhile)["running"]) == (1, 1)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines() == [
        "",  # below the ^C
        "interrupted; what is stored stays, the next call goes on from there",
    ]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.popen.pid, 0)
    after = counts(call("plan", *arguments))
    assert (after["stored"], after["to_do"], after["failed"]) == (1, 1, 0)

    trouble.with_name("trouble").unlink()
    rest = call("ablate", *arguments)

    assert rest.code == 0
    assert rest.err.splitlines()[1] == "[1/1] combiner=sum, heads.pd=endless [seed 0] ..."


# --- a search ---------------------------------------------------------------------------------

SEARCH = """[axes]
"heads.pd" = ["linear", "cosine"]
"train.lr" = [1e-2, 1e-9]
"""


@pytest.fixture
def search(study: Any, tmp_path: Path) -> Path:
    """The small study as a search, whose first stage has a cell that is rejected."""
    shared, _, _ = study.matrix.read_text().partition("[axes]")
    file = tmp_path / "search.toml"
    file.write_text(f'design = "staged"\n{shared}{SEARCH}')
    return file


def test_a_search_from_its_plan_to_its_table(call: Call, search: Path) -> None:
    before = call("plan", search)
    bench = call("bench", search, "--steps", 1, "--format", "json")
    trained = call("ablate", search, "--format", "json")
    after = json.loads(call("plan", search, "--format", "json").out)
    table = call("leaderboard", search, "--format", "markdown")

    assert before.code == 0
    assert "stage 1 (heads.pd): 2 cells, whose runs decide what comes next" in before.out
    assert "up to 1 more cell is still to come" in before.out
    assert bench.code == 0
    assert [line for line in trained.err.splitlines() if line.startswith("[")] == [
        "[1/1] heads.pd=linear, train.lr=0.01 [seed 0] ...",
        "[1/1] heads.pd=linear, train.lr=1e-9 [seed 0] ...",
    ]
    board = cells(trained)
    assert {name: cell["status"] for name, cell in board.items()} == {
        "heads.pd=linear, train.lr=0.01": "done",
        "heads.pd=cosine, train.lr=0.01": "rejected",
        "heads.pd=linear, train.lr=1e-9": "done",
    }
    first, second = after["stages"]
    scores = {name: board[name]["overall"]["mean"] for name in second["cells"]}
    assert (first["kept"], after["to_come"]) == ("heads.pd=linear, train.lr=0.01", 0)
    assert scores[second["kept"]] == max(scores.values())
    verdict = "chosen among 2 configurations on dev (2 runs): its dev score is flattered"
    assert table.code == 0
    assert f"- {second['kept']}: {verdict}" in table.out
    assert "- stage 1 (heads.pd): linear kept, the best of 2 on dev\n" in table.out
    assert json.loads(trained.out)["remarks"][0] == after["remarks"][0]


def test_a_search_without_its_runs_is_what_can_be_told(call: Call, search: Path) -> None:
    answer = call("leaderboard", search, "--format", "json")
    dry = call("ablate", search, "--dry-run", "--format", "json")

    assert (answer.code, len(cells(answer))) == (3, 2)
    assert "up to 1 more cell is still to come" in json.loads(answer.out)["remarks"]
    assert (dry.code, json.loads(dry.out)["to_come"]) == (0, 1)


# --- devices ----------------------------------------------------------------------------------


def test_runs_of_a_device_that_is_not_here_are_looked_up(call: Call, study: Any) -> None:
    there = (*study.given, "--device", "cuda:99", "--format", "json")

    planned = call("plan", *there)
    board = call("leaderboard", *there)
    tried = call("ablate", *there, "--dry-run")

    assert (planned.code, planned.err) == (0, "")
    assert (counts(planned)["runs"], counts(planned)["stored"]) == (2, 0)
    assert tried.out == planned.out
    assert board.code == 3
    assert [cell["status"] for cell in json.loads(board.out)["cells"]] == [
        "missing",
        "rejected",
    ] * 2


def test_a_device_that_is_not_here_trains_nothing(call: Call, study: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    answer = call("ablate", study.matrix, "--store", store, "--device", "cuda:99")

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: there is no device 'cuda:99' (here is cpu")
    assert answer.err.count("\n") == 1
    assert not store.exists()
