import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mtbench
from mtbench.errors import PluginError, RunsMissing, UsageError

STUDY: dict[str, Any] = {
    "title": "a small study",
    "seeds": 1,
    "base": {
        "tasks": [{"name": "sample-sst", "as": "sst", "train": 12, "dev": 6}],
        "encoder": {
            "name": "minbert",
            "layers": 1,
            "width": 16,
            "attention_heads": 2,
            "intermediate": 32,
        },
        "train": {"batch_size": 4, "steps": 2},
    },
    "axes": {"heads.sst": ["linear", "mlp", "cosine"]},
}
LINEAR, MLP, COSINE = (f"heads.sst={head}" for head in ("linear", "mlp", "cosine"))

NAN = """
import torch
from torch import nn
from mtbench.api import HeadSpec, hookimpl

class Bad(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.projection = nn.Linear(width, task.outputs)

    def forward(self, *embeddings):
        return self.projection(embeddings[0]) * float("nan")

@hookimpl
def mtbench_heads():
    return [
        HeadSpec(name="bad", summary="not a number", target="mtbenchfile:Bad"),
        HeadSpec(
            name="gone",
            summary="its parameters are not there",
            target="mtbenchfile:Bad",
            parameters="mtbenchfile:Gone",
        ),
    ]
"""


@pytest.fixture(scope="module")
def trained_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The store of the study and what ``ablate`` answered; none of its readers trains more."""
    store = tmp_path_factory.mktemp("study") / "store"
    return store, mtbench.ablate(STUDY, store=store, device="cpu", progress=False)


def test_ablate_trains_what_is_missing_and_returns_the_board(
    trained_study: tuple[Path, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    store, board = trained_study

    assert list(board.frame["status"]) == ["done", "done", "rejected"]
    assert list(board.scores["cell"].unique()) == [LINEAR, MLP]
    board.plan.check_complete()
    before = {file: file.stat().st_mtime_ns for file in store.rglob("result.json")}
    again = mtbench.ablate(STUDY, store=store, device="cpu")  # nothing to do, nothing to tell
    assert repr(again) == repr(board)
    assert {file: file.stat().st_mtime_ns for file in store.rglob("result.json")} == before
    assert capfd.readouterr() == ("", "")


def test_leaderboard_reads_what_the_command_line_prints(
    trained_study: tuple[Path, Any], tmp_path: Path
) -> None:
    store, board = trained_study
    given = {"store": store, "device": "cpu"}

    view = mtbench.leaderboard(STUDY, **given)
    fewer = mtbench.leaderboard(STUDY, cells="mlp", **given)

    assert repr(view) == repr(board)
    assert list(fewer.frame["cell"]) == [MLP]
    assert view.scores.equals(board.scores)
    stored = [json.loads(file.read_text()) for file in store.rglob("result.json")]
    overalls = view.frame["overall"].dropna()
    assert sorted(overalls) == sorted(result["overall"] for result in stored)


def test_a_reference_is_what_the_others_are_compared_with(
    trained_study: tuple[Path, Any],
) -> None:
    store, _ = trained_study

    frame = mtbench.leaderboard(STUDY, store=store, device="cpu", reference=MLP).frame
    assert dict(zip(frame["cell"], frame["against"], strict=True))[LINEAR] == MLP
    with pytest.raises(UsageError, match=r"did you mean 'heads\.sst=mlp'"):
        mtbench.ablate(STUDY, store=store, device="cpu", reference="heads.sst=mlb")


def test_plan_tells_what_is_stored(trained_study: tuple[Path, Any]) -> None:
    store, _ = trained_study

    view = mtbench.plan(STUDY, store=store, device="cpu", seeds=2)

    rows = view.frame[["cell", "state"]].values.tolist()
    assert rows == [
        *([LINEAR, "done"], [LINEAR, "missing"]),
        *([MLP, "done"], [MLP, "missing"]),
        [COSINE, "rejected"],
    ]


def test_progress_is_told_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mtbench.ablate(STUDY, store=tmp_path, device="cpu", cells="linear", jobs=1)

    out, err = capfd.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first == f"[1/1] {LINEAR} [seed 0] ..."
    assert second.startswith(f"{LINEAR} [seed 0]: overall 0.")


SEARCH: dict[str, Any] = {
    **STUDY,
    "title": "a small search",
    "design": "staged",
    "axes": {"heads.sst": ["linear", "mlp"], "train.lr": [1e-3, 1e-4]},
}


def test_progress_of_a_search_counts_each_stage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two cells, then the other rate of the better one; a broken head is told with its stage."""
    board = mtbench.ablate(SEARCH, store=tmp_path, device="cpu", jobs=1)

    assert list(board.frame["status"]) == ["done"] * 3
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("[")]
    assert [line.partition(" ")[0] for line in told] == ["[1/2]", "[2/2]", "[1/1]"]


def test_a_fault_of_a_later_stage_is_a_warning_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mtbenchfile.py").write_text(NAN)
    axes = {"train.lr": [1e-3, 1e-4], "heads.sst": ["linear", "mlp", "gone"]}

    with pytest.warns(UserWarning, match="; the others go on$") as caught:
        board = mtbench.ablate({**SEARCH, "axes": axes}, device="cpu", progress=False)

    assert list(board.frame["status"]) == ["done"] * 3 + ["broken"]
    (one,) = caught
    assert "1 of 2 cells is broken: " in str(one.message)
    assert one.filename == __file__


def test_what_fails_stands_in_the_table_and_raises_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mtbenchfile.py").write_text(NAN)

    with pytest.warns(UserWarning, match=r"1 of 3 cells is broken: .*; the others go on$") as told:
        board = mtbench.ablate(
            STUDY, axes={"heads.sst": ["linear", "bad", "gone"]}, device="cpu", progress=False
        )

    assert [one.filename for one in told] == [__file__]
    assert list(board.frame["status"]) == ["done", "failed", "broken"]
    assert "NonFiniteLoss" in board.frame["reason"][1]
    assert "Gone" in board.frame["reason"][2]
    with pytest.raises(PluginError, match="1 of 3 cells is broken"):
        board.plan.check_complete()
    failed = mtbench.leaderboard(STUDY, axes={"heads.sst": ["linear", "bad"]}, device="cpu")
    with pytest.raises(RunsMissing, match="1 of 2 runs have no score"):
        failed.plan.check_complete()


@pytest.mark.parametrize(
    "call", [mtbench.plan, mtbench.leaderboard, mtbench.ablate], ids=lambda call: call.__name__
)
def test_a_mistake_is_a_usage_error(call: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown head 'liner'; did you mean 'linear'"):
        call(STUDY, axes={"heads.sst": ["liner"]}, store=tmp_path / "store")
    with pytest.raises(mtbench.MtbenchError, match="there is no such matrix file"):
        call(tmp_path / "none.toml")
    assert not (tmp_path / "store").exists()


def test_jobs_are_a_count(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^jobs: expected a number from 1 \(given: 0\)$"):
        mtbench.ablate(STUDY, store=tmp_path, jobs=0)


# --- the package ------------------------------------------------------------------------------

HEAVY = "{'torch', 'pandas', 'pydantic', 'numpy', 'scipy', 'click', 'rich', 'pluggy'}"


def run(script: str) -> list[str]:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_import_costs_nothing() -> None:
    assert run(
        "import sys, mtbench\n"
        f"print(sorted({HEAVY} & set(sys.modules)))\n"
        "print(sorted(name for name in sys.modules if name.startswith('mtbench')))\n"
        "print([name for name in mtbench.__all__ if name not in dir(mtbench)])"
    ) == ["[]", "['mtbench', 'mtbench.version']", "[]"]


def test_what_a_notebook_completes_is_the_interface() -> None:
    """Whatever rooms of the house have been imported, and they can be all the same."""
    assert run(
        "import mtbench, mtbench.cli, mtbench.matrix.file\n"
        "print(dir(mtbench) == sorted(mtbench.__all__))\n"
        "mtbench.plan, mtbench.UsageError, mtbench.cli.main\n"
        "print(dir(mtbench) == sorted(mtbench.__all__))"
    ) == ["True", "True"]


def test_looking_never_imports_torch(tmp_path: Path) -> None:
    script = (
        "import sys, mtbench\n"
        f"study, store = {STUDY!r}, {str(tmp_path)!r}\n"
        "for call in (mtbench.plan, mtbench.leaderboard):\n"
        "    view = call(study, store=store, device='cpu')\n"
        "    repr(view), view._repr_html_(), view.frame\n"
        "print('torch' in sys.modules)"
    )
    assert run(script) == ["False"]


def test_a_public_name_is_no_module_and_stays_what_it_is() -> None:
    modules = [info.name for info in pkgutil.iter_modules(mtbench.__path__)]
    assert {*modules} & {*mtbench.__all__} == set()
    for name in modules:
        if name != "__main__":
            importlib.import_module(f"mtbench.{name}")
    for name in ("plan", "ablate", "leaderboard"):
        assert getattr(mtbench, name).__module__ == "mtbench.notebook.interface"
    for name in ("compare", "check"):
        assert getattr(mtbench, name).__module__ == "mtbench.notebook.judgements"


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match=r"module 'mtbench' has no attribute 'ablation'"):
        mtbench.ablation  # noqa: B018
