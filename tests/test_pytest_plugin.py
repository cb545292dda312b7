"""The plugin in a pytest of its own, as a stranger's project has it."""

import subprocess
import sys
from pathlib import Path

import pytest

from mtbench.gate.gatekeeper import Gatekeeper
from mtbench.gate.verdicts import Comparison, GateReport, Verdict
from mtbench.pytest_plugin import InconclusiveWarning, StudyCheck

MATRIX = """
title = "a study"
seeds = 1
[base]
tasks = [{ name = "sample-sst", as = "sst", train = 24, dev = 12, test = 6 }]
encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2, intermediate = 32 }
train = { lr = 1e-2, batch_size = 4, steps = 3 }
[gate]
mode = "exact"
"""

TESTS = """
def test_unchanged(mtbench_check):
    assert mtbench_check("studies/one", device="cpu").verdict == "passed"


def test_changed(mtbench_check):
    mtbench_check(
        "studies/one/matrix.toml", device="cpu", set={"train.steps": 4}, train=False
    )


def test_without_a_baseline(mtbench_check):
    mtbench_check("studies/one", baseline="nowhere")
"""


def test_a_study_is_a_test(tmp_path: Path) -> None:
    study = tmp_path / "studies" / "one"
    study.mkdir(parents=True)
    (study / "matrix.toml").write_text(MATRIX)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_study.py").write_text(TESTS)
    update = ["-m", "mtbench", "check", "studies/one", "--update", "--device", "cpu"]
    subprocess.run([sys.executable, *update], cwd=tmp_path, check=True, capture_output=True)

    # By its module, whether or not what is installed here has the entry point.
    options = ["-p", "no:mtbench", "-p", "mtbench.pytest_plugin", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, ".."],
        cwd=tmp_path / "tests",
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed, 1 passed" in done.stdout
    assert "mtbench check studies/one/matrix.toml\n\na study: missing\n\ncell " in done.stdout
    assert "missing: seed 0 is missing; 1 of 1 runs have no score" in done.stdout
    file = tmp_path / "nowhere" / "baseline.json"
    assert f"mtbench check studies/one: {file}: there is no baseline" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout  # no frame of ours


def test_it_brings_nothing_heavy() -> None:
    script = (
        "import sys, mtbench.pytest_plugin\n"
        "print(sorted(m for m in sys.modules if m.startswith('mtbench.')))\n"
        "print(sorted({'torch', 'numpy', 'pydantic', 'pandas', 'click'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], text=True, capture_output=True, check=True
    )
    light = "['mtbench.pytest_plugin', 'mtbench.version']"
    assert done.stdout.splitlines() == [light, "[]"]


def test_pytest_finds_it(root: Path) -> None:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nmtbench = "mtbench.pytest_plugin"\n' in text


# --- verdicts ---------------------------------------------------------------------------------


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyCheck:
    """A check whose study always has the verdict that the environment variable names."""
    (tmp_path / "matrix.toml").write_text(MATRIX)
    return StudyCheck(tmp_path)


def answer(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> None:
    def check(self: Gatekeeper, *, strict: bool, extend: int) -> GateReport:
        found = [Comparison("a cell", "overall", verdict, 0.0)]
        return GateReport("a study", "statistical", strict, 0.05, found)

    monkeypatch.setattr(Gatekeeper, "check", check)


def test_what_is_inconclusive_warns(checked: StudyCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "inconclusive")
    with pytest.warns(InconclusiveWarning, match="a study: 1 inconclusive"):
        assert checked("matrix.toml").verdict == "inconclusive"


def test_strict_fails_on_it(checked: StudyCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "inconclusive")
    with pytest.raises(pytest.fail.Exception, match="--strict"):
        checked("matrix.toml", strict=True)


@pytest.mark.parametrize("verdict", ["regressed", "incomparable", "missing", "broken"])
def test_what_closes_the_gate_fails(
    checked: StudyCheck, monkeypatch: pytest.MonkeyPatch, verdict: Verdict
) -> None:
    answer(monkeypatch, verdict)
    with pytest.raises(pytest.fail.Exception, match=verdict):
        checked(".")


@pytest.mark.parametrize("plugins", ["more.py", ["more.py"]])
def test_paths_are_relative_to_the_root(tmp_path: Path, plugins: str | list[str]) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mtbenchfile.py").write_text("")
    (tmp_path / "more.py").write_text("")

    study = StudyCheck(tmp_path).study(
        "study", data="sets", store="runs", plugins=plugins, device="cpu"
    )

    assert study.matrix == tmp_path / "study"
    assert study.store.root == tmp_path / "runs"
    assert study.overrides.set == {"data.dir": str(tmp_path / "sets")}
    assert study.files == [tmp_path / "more.py", tmp_path / "study" / "mtbenchfile.py"]
