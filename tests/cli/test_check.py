"""The gate from end to end: real studies, trained by real processes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mtbench_builtins.combiners import pcgrad

Call = Callable[..., Any]  # of the command line; see conftest

SURGERY = """
title = "surgery"
seeds = 1

[base]
combiner = "surgery"
encoder = "tiny"
train = { lr = 1e-3, batch_size = 16, steps = 40 }
tasks = [
    { name = "sample-sst", as = "sst", train = 480 },
    { name = "sample-pd", as = "pd", train = 480 },
    { name = "sample-sts", as = "sts", train = 320 },
]

[gate]
mode = "exact"
metrics = ["sst", "pd"]
tolerance = 0.01
"""

HOOK = """

from mtbench.api import CombinerSpec, hookimpl


@hookimpl
def mtbench_combiners():
    return [CombinerSpec(name="surgery", summary="", target="mtbenchfile:PCGrad", needs="gramian")]
"""

PROJECTION = "coefficients[other] -= inner"


@pytest.fixture
def forget_plugin(new_modules: None) -> None:
    """Have the plugin file read anew in every test."""


@pytest.mark.usefixtures("forget_plugin")
def test_a_sabotaged_combiner_is_caught(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "surgery"
    folder.mkdir()
    (folder / "matrix.toml").write_text(SURGERY)
    source = Path(pcgrad.__file__).read_text(encoding="utf-8") + HOOK
    assert source.count(PROJECTION) == 1
    plugin = folder / "mtbenchfile.py"
    plugin.write_text(source)
    given = ("check", folder, "--device", "cpu")

    assert call(*given, "--store", "store", "--update").code == 0
    unchanged = call(*given, "--store", "store", "--format", "json")
    plugin.write_text(source.replace(PROJECTION, PROJECTION.replace("-=", "+=")))
    sabotaged = call(*given, "--store", "store", "--format", "json")

    assert unchanged.code == 0
    found = json.loads(unchanged.out)["comparisons"]
    assert [(one["metric"], one["difference"]) for one in found] == [("sst", 0), ("pd", 0)]
    assert sabotaged.code == 4
    found = json.loads(sabotaged.out)["comparisons"]
    assert [one["verdict"] for one in found] == ["regressed", "passed"]
    assert found[0]["difference"] < -0.05  # far beyond the tolerance
    assert "sst of base regressed: " in sabotaged.err


def test_a_second_matrix_overwrites_no_baseline(call: Call, study: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    for matrix in (one, two):  # of the same title
        matrix.write_text(study.matrix.read_text() + '[gate]\nmode = "exact"\n')
    given = ("--store", study.store, "--no-train", "--update")
    assert call("check", one, *given).code == 0

    refused = call("check", two, *given)

    assert (refused.code, refused.out) == (2, "")
    told = f"it holds the baseline of {one}, which that of {two} would replace: keep one of them "
    assert refused.err.startswith(f"error: {tmp_path / 'baseline.json'}: {told}")
    assert call("check", two, *given, "--baseline", "elsewhere").code == 0
    again = call("check", one, *given, "--baseline", "elsewhere")
    assert (again.code, "holds the baseline of two.toml, " in again.err) == (2, True)


# --- a study on a file ------------------------------------------------------------------------

TABLE = """
title = "films"
seeds = 2

[base]
encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2, intermediate = 32 }
train = { lr = 1e-2, batch_size = 4, steps = 3 }

[[base.tasks]]
name = "table"
as = "films"
path = "films-{split}.tsv"
text = ["text"]
target = "good"
classes = [0, 1]
"""


def write_films(folder: Path) -> None:
    for split, rows in (("train", 12), ("dev", 30)):
        lines = [f"a film of {i} minutes\t{i % 2}" for i in range(rows)]
        (folder / f"films-{split}.tsv").write_text("\n".join(["text\tgood", *lines]) + "\n")


@pytest.fixture(scope="module")
def films(shared_folder: Callable[..., Path]) -> Path:
    """A study with its data, its runs, and its baseline, made once."""

    def fill(folder: Path) -> None:
        (folder / "matrix.toml").write_text(TABLE)
        write_films(folder)
        given = ["--device", "cpu", "--store", "store", "--update"]
        command = [sys.executable, "-m", "mtbench", "check", ".", *given]
        made = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
        assert made.returncode == 0, made.stderr
        assert made.stderr.endswith("wrote baseline.json\nwrote baseline.npz\n")

    return shared_folder("films", fill)


@pytest.fixture
def study_of_films(films: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return shutil.copytree(films, tmp_path / "films")


@pytest.fixture
def check(call: Call, study_of_films: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Give a function that calls ``check`` on the study, from its folder."""
    monkeypatch.chdir(study_of_films)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return lambda *more: call("check", ".", "--device", "cpu", "--store", "store", *more)


def test_an_unchanged_study_passes_and_trains_nothing(check: Call) -> None:
    answer = check()
    assert (answer.code, answer.err) == (0, "")
    assert "passed: identical" in answer.out
    assert answer.out.endswith("films: 1 passed\n")


def test_changed_data_are_never_compared(check: Call, study_of_films: Path) -> None:
    file = study_of_films / "films-train.tsv"
    file.write_text(file.read_text().replace("a film of 3 minutes\t1", "a film of 3 minutes\t0"))

    answer = check("--format", "json")

    assert answer.code == 5
    # Nothing was trained for it.
    assert answer.err.splitlines() == [
        "films: 1 incomparable; the data changed: films (train); mend what differs, or write a "
        "new baseline with --update"
    ]


def test_no_baseline_is_said_in_a_line(check: Call, study_of_films: Path) -> None:
    (study_of_films / "baseline.json").unlink()
    answer = check()
    assert (answer.code, answer.out) == (5, "")
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1


def test_what_is_not_trained_is_missing(check: Call) -> None:
    answer = check("--set", "train.steps=4", "--no-train", "--format", "csv")
    assert answer.code == 3
    assert "::" not in answer.err  # outside of GitHub nothing is annotated
    assert "seed 0 is missing; 2 of 2 runs have no score" in answer.out


def test_junit_and_github(
    check: Call, study_of_films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(study_of_films / "summary.md"))

    answer = check("--set", "train.steps=4", "--no-train", "--junit", study_of_films / "junit.xml")

    (case,) = ET.parse(study_of_films / "junit.xml").getroot().iter("testcase")
    assert (case.attrib["name"], case[0].tag) == ("overall", "error")
    (line,) = answer.err.splitlines()
    assert line == (
        "::error file=matrix.toml,title=mtbench check%3A films::overall of base missing "
        "(seed 0 is missing; 2 of 2 runs have no score)"
    )
    assert (study_of_films / "summary.md").read_text().startswith("### films: missing\n\n| cell")


def test_what_cannot_be_written_leaves_the_verdict(
    check: Call, study_of_films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(study_of_films))

    answer = check("--set", "train.steps=4", "--no-train")

    assert answer.code == 3
    annotation, warning = answer.err.splitlines()
    assert annotation.startswith("::error ")
    assert warning.startswith(f"warning: GITHUB_STEP_SUMMARY={study_of_films}: cannot be written")


def test_a_report_that_cannot_be_written_is_told_before_training(
    check: Call, study_of_films: Path
) -> None:
    stored = sorted((study_of_films / "store" / "runs").iterdir())
    answer = check("--set", "train.steps=4", "--junit", "matrix.toml/gate.xml")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: --junit matrix.toml/gate.xml: cannot be written")
    assert sorted((study_of_films / "store" / "runs").iterdir()) == stored


def test_an_update_names_what_is_undefined(check: Call, study_of_films: Path) -> None:
    """Pearson's correlation with a target that is constant on dev."""
    matrix = study_of_films / "matrix.toml"
    matrix.write_text(
        matrix.read_text().replace("classes = [0, 1]", "range = [0, 1]")
        + '\n[[base.tasks]]\nname = "sample-sst"\ntrain = 32\n[gate]\n'
        'metrics = ["films", "sample-sst"]\n'
    )
    file = study_of_films / "films-dev.tsv"
    file.write_text(file.read_text().replace("\t0", "\t1"))
    answer = check("--update")
    assert answer.code == 0, answer.err
    assert "warning: undefined, so that no check can judge it: films of base\n" in answer.err


@pytest.mark.parametrize("option", [["--strict"], ["--extend", "2"], ["--junit", "x.xml"]])
def test_an_update_compares_nothing(check: Call, option: list[str]) -> None:
    answer = check("--update", *option)
    assert (answer.code, answer.out) == (2, "")
    assert "--update compares nothing" in answer.err


def test_a_broken_plugin(check: Call, study_of_films: Path) -> None:
    (study_of_films / "mtbenchfile.py").write_text(
        "from mtbench.api import EncoderSpec, hookimpl\n\n\n@hookimpl\ndef mtbench_encoders():\n"
        "    return [EncoderSpec(name='no', summary='', target='nowhere:No')]\n"
    )
    answer = check("--set", "encoder=no")
    assert answer.code == 6
