import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.data import fingerprint, load
from mtbench_builtins.tasks.sst import SST

Call = Callable[..., Any]  # of the command line; see conftest

SUM, PCGRAD = "combiner=sum, heads.pd=linear", "combiner=pcgrad, heads.pd=linear"


@pytest.fixture
def keys(study: Any) -> dict[str, str]:
    """The key of each cell's run."""
    found = (study.store / "runs").iterdir()
    return {json.loads((f / "run.json").read_text())["cell"]: f.name for f in found}


@pytest.fixture
def results(study: Any, keys: dict[str, str]) -> dict[str, Any]:
    """The results of the cells' runs."""
    return {
        cell: json.loads((study.store / "runs" / key / "result.json").read_text())
        for cell, key in keys.items()
    }


def cell(study: Any, name: str) -> str:
    return f"{study.matrix}::{name}"


def record(answer: Any) -> dict[str, Any]:
    """Return the one pair of an answer in JSON."""
    (pair,) = json.loads(answer.out)["pairs"]
    return dict(pair)


def test_two_cells_of_a_matrix(
    call: Call, study: Any, keys: dict[str, str], results: dict[str, Any]
) -> None:
    at = ("--store", study.store, "--format", "json")
    answer = call("compare", cell(study, SUM), cell(study, PCGRAD), *at)

    pair = record(answer)
    assert (answer.code, answer.err) == (0, "")
    assert pair["a"]["runs"] == {"0": keys[SUM]}
    assert pair["configuration"] == [{"key": "combiner.name", "a": "sum", "b": "pcgrad"}]
    assert pair["environment"] == []
    assert pair["pairing"] == {
        "weights": dict.fromkeys(["encoder", "heads.sst", "heads.pd", "heads.sts"], "same"),
        "order": dict.fromkeys(["sst", "pd", "sts"], "same"),
        "examples": dict.fromkeys(["sst", "pd", "sts"], "same"),
    }
    for score in pair["scores"]:
        one, other = (
            results[name]["overall"]
            if score["what"] == "overall"
            else results[name]["scores"]["dev"][score["what"]][score["metric"]]
            for name in (SUM, PCGRAD)
        )
        assert score["difference"] == pytest.approx(other - one)
        assert score["over"] == "examples, this checkpoint only"


def test_two_stores_are_compared_cell_by_cell(call: Call, study: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(study.store, other)
    answer = call("compare", study.store, other)
    assert answer.code == 0
    assert answer.out.startswith("overall on dev, cell by cell\n")
    assert answer.out.count("identical outcomes") == 2
    full = call("compare", study.store, other, "--details", "-k", "sum")
    assert full.out.count("scores on dev") == 1


def test_examples_that_flipped_are_shown(call: Call, study: Any) -> None:
    at = ("--store", study.store, "--examples", 2)
    pair = record(call("compare", cell(study, SUM), f"::{PCGRAD}", *at, "--format", "json"))
    shown = call("compare", cell(study, SUM), f"::{PCGRAD}", *at)

    assert shown.code == 0
    examples = [(flip["task"], e) for flip in pair["flips"] for e in flip["most"]]
    assert {task for task, _ in examples} >= {"sts"}
    assert all(flip["unread"] == "" for flip in pair["flips"])
    for task, example in examples:
        assert len(example["texts"]) == (1 if task == "sst" else 2)
        assert f"  {example['id']}: " in shown.out
        for text in example["texts"]:
            assert f"      {text}\n" in shown.out


def test_real_sentences_are_shown_and_their_loss_is_told(
    call: Call, cs224n: Path, write_stored: Callable[..., Any], tmp_path: Path
) -> None:
    dev = load(SST(), "dev", cs224n, with_labels=True)
    assert dev.labels is not None
    wrong = [label if i else (label + 1) % 5 for i, label in enumerate(dev.labels)]
    for name, predicted in (("a", dev.labels), ("b", wrong)):
        write_stored(
            {"sst": ("accuracy", dev.labels, predicted)},
            key=name,
            ids=dev.ids,
            request={
                "config": {"tasks": {"sst": {"name": "sst"}}, "data": {"dir": str(cs224n)}},
                "identity": {"data": {"sst": {"train": "", "dev": fingerprint(dev)}}},
            },
        )
    at = ("a", "b", "--store", tmp_path / "store", "--examples", 1)

    shown = call("compare", *at)
    assert shown.code == 0
    assert f"  {dev.ids[0]}: A right, B wrong; label {dev.labels[0]:g}" in shown.out
    assert f"      {dev.texts[0][0]}" in shown.out

    (tmp_path / "empty").mkdir()
    gone = call("compare", *at, "--data", tmp_path / "empty")
    assert gone.code == 0
    assert re.search(r"no sentences: .*empty", gone.out)
    assert f"  {dev.ids[0]}: A right, B wrong" in gone.out


# --- what is not there ------------------------------------------------------------------------


def test_nothing_stored_is_5(call: Call, study: Any, tmp_path: Path) -> None:
    answer = call("compare", cell(study, SUM), f"::{PCGRAD}", "--store", tmp_path / "none")
    assert (answer.code, answer.out) == (5, "")
    assert "none of its 1 runs is stored" in answer.err


def test_nothing_in_common_is_5(call: Call, study: Any) -> None:
    at = ("--store", study.store)
    answer = call("compare", study.matrix, study.matrix, *at, "-k", "cosine")
    assert answer.code == 5
    assert "rejected" in answer.err


def test_missing_runs_are_3_and_what_is_there_is_compared(call: Call, study: Any) -> None:
    at = ("--store", study.store, "--seeds", 2)
    answer = call("compare", cell(study, SUM), f"::{PCGRAD}", *at)
    assert answer.code == 3
    assert "seeds of A without a score: 1" in answer.out
    assert "scores on dev" in answer.out
    assert "1 of 2 runs have no score" in answer.err


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ("{matrix}::combiner=sun, heads.pd=linear", "abc", "did you mean 'combiner=sum, "),
        ("abc", "abc", "besides a run, it may be MATRIX::CELL, MATRIX, STORE::CELL or STORE"),
        ("gone.toml", "abc", "there is no such matrix file"),
    ],
)
def test_what_is_unknown_is_2(call: Call, study: Any, a: str, b: str, told: str) -> None:
    answer = call("compare", a.format(matrix=study.matrix), b, "--store", study.store)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err


def test_a_broken_plugin_is_6(call: Call, study: Any, tmp_path: Path) -> None:
    file = tmp_path / "broken_head.py"
    file.write_text("raise RuntimeError('no such luck')\n")
    given = ("--plugin", file, "--store", study.store, "--set", "heads.sst=broken")
    answer = call("compare", cell(study, SUM), f"::{PCGRAD}", *given)
    assert answer.code == 6
    assert "no such luck" in answer.err


def test_comparing_needs_no_torch(study: Any) -> None:
    script = (
        "import sys\nfrom mtbench.cli import cli\n"
        "cli.main(sys.argv[1:], standalone_mode=False)\n"
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    given = ("compare", cell(study, SUM), f"::{PCGRAD}", "--store", study.store, "--examples", "1")
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, given)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "False"
