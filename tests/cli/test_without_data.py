"""The commands over stored runs on a machine that has neither the data nor pyarrow."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import Store

Call = Callable[..., Any]  # of the command line; see conftest

MATRIX = """
title = "far away"
seeds = 2

[base]
tasks = ["sst", { name = "sample-pd", as = "pd", train = 8, dev = 8, test = 4 }]
encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2, intermediate = 32 }
train = { lr = 1e-2, batch_size = 4, steps = 2 }

[axes]
combiner = ["sum", "pcgrad"]
"""

UNCHECKED = "the data of sst were not checked: no data folder is named to read ids-sst-*.csv from"


@pytest.fixture(scope="module")
def trained(shared_folder: Callable[..., Path]) -> Path:
    """A folder with a matrix, its data, and the store in which it was trained."""

    def fill(folder: Path) -> None:
        data = folder / "data"
        data.mkdir()
        for split in ("train", "dev"):
            rows = [
                f"{n}\t{split}-{n}\tA {split} film of number {n} .\t{n % 5}" for n in range(12)
            ]
            text = "\n".join(["\tid\tsentence\tsentiment", *rows, ""])
            (data / f"ids-sst-{split}.csv").write_text(text)
        (folder / "matrix.toml").write_text(MATRIX)
        command = [sys.executable, "-m", "mtbench", "ablate", "matrix.toml", "--data", "data"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    return shared_folder("far away", fill)


@pytest.fixture
def laptop(trained: Path, tmp_path: Path) -> Path:
    """A folder with the matrix and a copy of the store; the data stayed where they were."""
    shutil.copy(trained / "matrix.toml", tmp_path)
    shutil.copytree(trained / ".mtbench", tmp_path / ".mtbench")
    return tmp_path


def keys(folder: Path) -> set[str]:
    return Store(folder / ".mtbench").keys()


def without_remark(text: str) -> str:
    return re.sub(r"^.*the data of sst were not checked.*\n", "", text, flags=re.MULTILINE)


# --- the table --------------------------------------------------------------------------------


def test_the_table_is_shown_and_says_what_was_not_checked(
    call: Call, trained: Path, laptop: Path
) -> None:
    given = ("leaderboard", "matrix.toml", "--format", "markdown")
    checked = call(*given, "--data", trained / "data")
    answer = call(*given)

    assert (answer.code, answer.err) == (0, "")
    assert "not checked" not in checked.out
    assert answer.out.count("the data of sst were not checked") == 1
    assert without_remark(answer.out) == checked.out


def test_json_has_it_among_the_remarks(call: Call, laptop: Path) -> None:
    for command, cells in (("leaderboard", "cells"), ("plan", "runs")):
        answer = call(command, "matrix.toml", "--format", "json")
        found = json.loads(answer.out)
        assert answer.code == 0
        assert [told.startswith(UNCHECKED) for told in found["remarks"]].count(True) == 1
        assert (found["plan"]["stored"], found["plan"]["to_do"]) == (4, 0)
        assert len(found[cells]) > 1


TWO_CELLS = ("compare", "matrix.toml::combiner=sum", "::combiner=pcgrad")


def test_cells_and_matrices_are_compared_without_sentences(call: Call, laptop: Path) -> None:
    shutil.copy(laptop / "matrix.toml", laptop / "other.toml")

    for command in ((*TWO_CELLS, "--examples", 3), ("compare", "matrix.toml", "other.toml")):
        answer = call(*command)
        assert (answer.code, answer.out.count(UNCHECKED)) == (0, 1)
        assert f"A and B: {UNCHECKED}" in answer.out


@pytest.mark.parametrize(
    "command", [("leaderboard", "matrix.toml"), ("plan", "matrix.toml"), TWO_CELLS], ids=" ".join
)
def test_rows_have_no_place_for_it_so_stderr_has(
    call: Call, laptop: Path, command: tuple[str, ...]
) -> None:
    answer = call(*command, "--format", "csv")

    assert answer.code == 0
    assert len(list(csv.DictReader(io.StringIO(answer.out)))) in (2, 3, 4)
    assert answer.err.startswith(f"warning: {UNCHECKED}")
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [*((name, "matrix.toml") for name in ("leaderboard", "plan", "status")), TWO_CELLS],
    ids=" ".join,
)
def test_a_folder_that_was_named_and_has_no_data_is_a_mistake(
    call: Call, laptop: Path, command: tuple[str, ...]
) -> None:
    (laptop / "empty").mkdir()

    empty = call(*command, "--data", "empty")
    gone = call(*command, "--data", "emtpy")

    assert (empty.code, empty.out) == (gone.code, gone.out) == (2, "")
    assert f"no known files in {laptop / 'empty'}" in empty.err
    assert gone.err.endswith("emtpy: there is no such folder; did you mean 'empty'?\n")


# --- what needs the data ----------------------------------------------------------------------


@pytest.mark.parametrize("command", [("ablate",), ("check", "--update"), ("bench",)], ids=" ".join)
def test_what_trains_or_judges_needs_the_data(
    call: Call, laptop: Path, command: tuple[str, ...]
) -> None:
    before = keys(laptop)

    answer = call(command[0], "matrix.toml", *command[1:])

    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "error: cell 'combiner=sum': no data folder is named to read ids-sst-*.csv from: give "
        "--data DIR, set data.dir in the matrix, or set MTBENCH_DATA (sample-sst, sample-pd and "
        "sample-sts need none); 'mtbench leaderboard' shows what is stored without them\n"
    )
    assert keys(laptop) == before


def test_a_gate_does_not_pass_on_data_that_it_cannot_check(
    call: Call, trained: Path, laptop: Path
) -> None:
    data = ("--data", trained / "data")
    assert call("check", "matrix.toml", "--update", *data).code == 0
    assert call("check", "matrix.toml", "--no-train", *data).code == 0

    answer = call("check", "matrix.toml", "--no-train")

    assert (answer.code, answer.out) == (2, "")
    assert "no data folder is named" in answer.err
    assert "'mtbench leaderboard' shows what is stored without them" in answer.err


# --- a table in Parquet, without pyarrow ------------------------------------------------------

PARQUET = """
title = "columns"
seeds = 1
[base]
encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2, intermediate = 32 }
train = { batch_size = 4, steps = 1 }
[[base.tasks]]
name = "table"
as = "films"
path = "films-{split}.parquet"
id = "id"
text = ["text"]
target = "label"
classes = 2
"""

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def columns(tmp_path: Path) -> Callable[..., Any]:
    """Give a function that calls the command line in a process, with or without pyarrow."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for split in ("train", "dev"):
        rows = [{"id": f"{split}-{n}", "text": f"a film {n}", "label": n % 2} for n in range(8)]
        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / f"films-{split}.parquet")
    (tmp_path / "matrix.toml").write_text(PARQUET)
    (tmp_path / "start.py").write_text(f"{WITHOUT}from mtbench.cli import main\nmain()\n")

    def run(*arguments: str, pyarrow: bool = True) -> Any:
        start = ["-m", "mtbench"] if pyarrow else ["start.py"]
        command = [sys.executable, *start, *arguments]
        return subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=False)

    return run


def test_a_parquet_table_needs_no_pyarrow_to_be_shown(columns: Callable[..., Any]) -> None:
    trained = columns("ablate", "matrix.toml", "--format", "markdown")
    assert trained.returncode == 0

    shown = columns("leaderboard", "matrix.toml", "--format", "markdown", pyarrow=False)

    assert (shown.returncode, shown.stderr) == (0, "")
    told = r"the data of films were not checked: .*films-train.*pyarrow.*not installed"
    assert re.search(told, shown.stdout.replace("\\", ""))
    refused = columns("ablate", "matrix.toml", pyarrow=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "reading Parquet needs pyarrow" in refused.stderr


# --- options that do not fit ------------------------------------------------------------------


def test_options_that_are_laid_over_both_matrices_are_named_where_they_do_not_fit(
    call: Call, laptop: Path
) -> None:
    nowhere = ("--set", 'encoder={ name = "minbert", checkpoint = "nobody/nothing" }')

    answer = call(*TWO_CELLS, *nowhere)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(
        "error: matrix.toml with --set: cell 'combiner=sum': checkpoint 'nobody/nothing': it is "
        "no folder here"
    )
    assert len(answer.err.splitlines()) == 1
    fits_none = call("compare", "matrix.toml", "matrix.toml", "-k", "nothing")
    assert fits_none.err.startswith("error: matrix.toml with -k: -k 'nothing' fits no cell")
