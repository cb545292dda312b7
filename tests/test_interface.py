import importlib
import json
import math
import pkgutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import mtbench
from mtbench.errors import NothingToCompare, PluginError, RunsMissing, UsageError
from mtbench.rendering import FORMS, render
from mtbench.store import Store

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

    assert list(board.to_frame()["status"]) == ["done", "done", "rejected"]
    assert list(board.to_frame("scores")["cell"].unique()) == [LINEAR, MLP]
    board.check()
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
    assert list(fewer.to_frame()["cell"]) == [MLP]
    assert view.to_frame("scores").equals(board.to_frame("scores"))
    stored = [json.loads(file.read_text()) for file in store.rglob("result.json")]
    overalls = view.to_frame()["overall"].dropna()
    assert sorted(overalls) == sorted(result["overall"] for result in stored)


def test_a_reference_is_what_the_others_are_compared_with(
    trained_study: tuple[Path, Any],
) -> None:
    store, _ = trained_study

    frame = mtbench.leaderboard(STUDY, store=store, device="cpu", reference=MLP).to_frame()
    assert dict(zip(frame["cell"], frame["against"], strict=True))[LINEAR] == MLP
    with pytest.raises(UsageError, match=r"did you mean 'heads\.sst=mlp'"):
        mtbench.ablate(STUDY, store=store, device="cpu", reference="heads.sst=mlb")


def test_plan_tells_what_is_stored(trained_study: tuple[Path, Any]) -> None:
    store, _ = trained_study

    view = mtbench.plan(STUDY, store=store, device="cpu", seeds=2)

    frame = view.to_frame()
    assert list(frame.columns) == ["cell", "seed", "run", "state", "reason"]
    assert frame[["cell", "state"]].values.tolist() == [
        *([LINEAR, "done"], [LINEAR, "missing"]),
        *([MLP, "done"], [MLP, "missing"]),
        [COSINE, "rejected"],
    ]
    rejected = frame.iloc[-1]
    assert rejected[["seed", "run"]].isna().all()
    assert "sentence" in rejected["reason"]
    assert view.estimate.runs == 2


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

    assert list(board.to_frame()["status"]) == ["done"] * 3
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

    assert list(board.to_frame()["status"]) == ["done"] * 3 + ["broken"]
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
    assert list(board.to_frame()["status"]) == ["done", "failed", "broken"]
    assert "NonFiniteLoss" in board.to_frame()["reason"][1]
    assert "Gone" in board.to_frame()["reason"][2]
    with pytest.raises(PluginError, match="1 of 3 cells is broken"):
        board.check()
    failed = mtbench.leaderboard(STUDY, axes={"heads.sst": ["linear", "bad"]}, device="cpu")
    with pytest.raises(RunsMissing, match="1 of 2 runs have no score"):
        failed.check()


@pytest.mark.parametrize("call", [mtbench.plan, mtbench.leaderboard, mtbench.ablate])
def test_a_mistake_is_a_usage_error(call: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown head 'liner'; did you mean 'linear'"):
        call(STUDY, axes={"heads.sst": ["liner"]}, store=tmp_path / "store")
    with pytest.raises(mtbench.MtbenchError, match="there is no such matrix file"):
        call(tmp_path / "none.toml")
    assert not (tmp_path / "store").exists()


def test_jobs_are_a_count(tmp_path: Path) -> None:
    study = mtbench.Study(STUDY, store=tmp_path)
    for method in (study.plan, study.ablate, study.check):
        with pytest.raises(UsageError, match=r"^jobs: .* equal to 1 \(given: 0\)$"):
            method(jobs=0)
        with pytest.raises(UsageError, match=r"^jobs: .* valid integer \(given: True\)$"):
            method(jobs=True)
    with pytest.raises(TypeError, match="job"):
        mtbench.ablate(STUDY, store=tmp_path, job=1)


def test_a_study_is_asked_again_and_again(trained_study: tuple[Path, Any]) -> None:
    store, board = trained_study
    study = mtbench.Study(STUDY, store=store, device="cpu")

    assert repr(study.leaderboard()) == repr(board) == repr(study.ablate(progress=False))
    assert repr(study.plan()) == repr(mtbench.plan(STUDY, store=store, device="cpu"))


def test_every_answer_has_the_forms_of_the_command_line(trained_study: tuple[Path, Any]) -> None:
    store, board = trained_study
    plan = mtbench.plan(STUDY, store=store, device="cpu")

    for view in (plan, board):
        assert [view.render(form) for form in FORMS] == [
            render(view.document(), form) for form in FORMS
        ]
        element = ET.fromstring(view._repr_html_())
        rows = [[(c.text or "").strip() for c in row.iter("td")] for row in element.iter("tr")]
        assert [row[0] for row in rows if row][:3] == [LINEAR, MLP, COSINE]


# --- judgements -------------------------------------------------------------------------------

GATED = """
title = "a gated study"
seeds = 1
[base]
tasks = [{ name = "sample-sst", as = "sst", train = 12, dev = 12 }]
encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2, intermediate = 32 }
train = { batch_size = 4, steps = 2, lr = 1e-2 }
[axes]
"heads.sst" = ["linear", "mlp"]
[gate]
mode = "exact"
"""


HEADS = """
from mtbench.api import HeadSpec, hookimpl

class Head:
    pass

@hookimpl
def mtbench_heads():
    return [HeadSpec(name="other-linear", summary="mine", target="my_compared_heads:Head")]
"""


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The matrix of a study that is trained and has a baseline, and how to look at it."""
    folder = tmp_path_factory.mktemp("study")
    matrix = folder / "matrix.toml"
    matrix.write_text(GATED)
    given: dict[str, Any] = {"store": folder / "store", "device": "cpu"}
    mtbench.ablate(matrix, progress=False, **given)
    mtbench.Study(matrix, **given).gatekeeper(progress=False).update()
    return matrix, given


def test_compare_of_two_cells(gated: tuple[Path, dict[str, Any]]) -> None:
    matrix, given = gated

    view = mtbench.compare(f"{matrix}::heads.sst=linear", "::heads.sst=mlp", **given)

    scores = mtbench.leaderboard(matrix, **given).to_frame().set_index("cell")["sst"]
    assert view.to_frame()[["what", "a", "b"]].values.tolist() == [
        [what, scores["heads.sst=linear"], scores["heads.sst=mlp"]] for what in ("sst", "overall")
    ]
    assert repr(view).startswith("heads.sst=linear (A) and heads.sst=mlp (B)\n")
    own = mtbench.Study(matrix, **given).compare("::linear", "::mlp")
    assert own.records() == view.records()
    view.check()


def test_compare_reads_iterators_for_both_sides(
    gated: tuple[Path, dict[str, Any]], tmp_path: Path, new_modules: None
) -> None:
    matrix, given = gated
    file = tmp_path / "my_compared_heads.py"
    file.write_text(HEADS)
    axes = {"heads.sst": (head for head in ("linear", "other-linear"))}
    plugins = (place for place in [file])
    blocked = (name for name in ["nobody"])

    with pytest.warns(UserWarning, match="runs have no score"):
        view = mtbench.compare(matrix, matrix, axes=axes, plugins=plugins, **given)

    assert list(view.to_frame()["cell_a"].unique()) == ["heads.sst=linear"]
    assert list(view.report.absent) == ["heads.sst=other-linear"]
    with pytest.raises(UsageError, match="unknown plugin 'nobody'"):
        mtbench.compare(matrix, matrix, blocked=blocked, **given)


def test_compare_warns_once_and_where_it_is_called(
    gated: tuple[Path, dict[str, Any]], tmp_path: Path, new_modules: None
) -> None:
    """Of what both sides have: a broken plugin, and runs that are missing."""
    matrix, given = gated
    file = tmp_path / "my_broken_compared.py"
    file.write_text("raise RuntimeError('no')")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mtbench.compare(matrix, matrix, seeds=2, plugins=file, **given)

    broken, missing = [str(one.message) for one in caught]
    assert broken.startswith("broken plugin my_broken_compared ")
    assert missing.startswith("2 of 4 runs have no score (")
    assert {one.filename for one in caught} == {__file__}


def test_what_cannot_be_compared(gated: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    matrix, given = gated

    with pytest.raises(UsageError, match=r"unknown cell 'heads\.sst=mpl' in .*; did you mean"):
        mtbench.compare(f"{matrix}::heads.sst=mpl", "::heads.sst=mlp", **given)
    with pytest.raises(NothingToCompare, match="is stored"):
        mtbench.compare(matrix, matrix, store=tmp_path / "empty", device="cpu")
    nonsense: tuple[Any, ...] = (-1, None, False, "", [], [0, 1])
    for examples in nonsense:
        with pytest.raises(UsageError, match=r"^examples: "):
            mtbench.compare(matrix, matrix, examples=examples, **given)
    number: Any = 3
    with pytest.raises(UsageError, match=r"^b: input is not a valid path \(given: 3\)$"):
        mtbench.compare(matrix, number, **given)


def test_check_of_an_unchanged_study_passes(gated: tuple[Path, dict[str, Any]]) -> None:
    matrix, given = gated

    view = mtbench.check(matrix, progress=False, **given)

    assert (view.report.verdict, view.report.failed) == ("passed", False)
    assert list(view.to_frame()["cell"]) == ["heads.sst=linear", "heads.sst=mlp"]
    assert view.to_frame()["difference"].tolist() == [0.0, 0.0]


def test_check_trains_nothing_where_it_is_told_not_to(
    gated: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    matrix, _ = gated

    view = mtbench.check(matrix, store=tmp_path, device="cpu", train=False, progress=False)

    assert (view.report.verdict, view.report.failed) == ("missing", True)
    assert Store(tmp_path).keys() == set()


def test_check_writes_the_baseline_anew(
    gated: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    matrix, given = gated

    view = mtbench.check(matrix, baseline=tmp_path, update=True, train=False, **given)

    written, beside = (
        json.loads((folder / "baseline.json").read_text()) for folder in (tmp_path, matrix.parent)
    )
    of_place = {"matrix_file", "digest"}
    assert {name for name in written if written[name] != beside[name]} == of_place
    assert (view.report.verdict, view.to_frame()["difference"].tolist()) == ("passed", [0.0, 0.0])
    for more in ({"strict": True}, {"extend": 1}):
        with pytest.raises(UsageError, match=r"^update: .* leave out strict and extend$"):
            mtbench.check(matrix, baseline=tmp_path, update=True, **more, **given)
    with pytest.raises(RunsMissing, match="2 of 4 runs have no score"):
        mtbench.check(matrix, baseline=tmp_path, update=True, train=False, **{**given, "seeds": 2})


@pytest.mark.parametrize("nonsense", ["no", 1, None, [], math.nan])
def test_no_text_and_no_number_is_taken_for_true(
    gated: tuple[Path, dict[str, Any]], tmp_path: Path, nonsense: Any
) -> None:
    """With ``update="no"`` a baseline would be written."""
    matrix, given = gated
    for name in ("update", "strict", "train", "progress"):
        with pytest.raises(UsageError, match=rf"^{name}: .* boolean \(given: "):
            mtbench.check(matrix, baseline=tmp_path, **{name: nonsense}, **given)
    with pytest.raises(UsageError, match=r"^progress: "):
        mtbench.ablate(matrix, progress=nonsense, **given)
    assert list(tmp_path.iterdir()) == []


def test_check_needs_a_file_and_its_baseline(
    gated: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    matrix, given = gated
    dictionary: Any = {"base": {}}

    with pytest.raises(UsageError, match=r"^matrix: a check needs a file"):
        mtbench.check(dictionary)
    with pytest.raises(NothingToCompare, match="there is no baseline"):
        mtbench.check(matrix, baseline=tmp_path, train=False, **given)
    for name, least in (("jobs", 1), ("extend", 0)):
        with pytest.raises(UsageError, match=rf"^{name}: .* equal to {least} \(given: -2\)"):
            mtbench.check(matrix, **{name: -2}, **given)
    nothing: Any = False
    with pytest.raises(UsageError, match=r"^extend: "):
        mtbench.check(matrix, extend=nothing, **given)


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
        "    repr(view), view._repr_html_(), view.to_frame()\n"
        "print('torch' in sys.modules)"
    )
    assert run(script) == ["False"]


def test_a_public_name_is_no_module_and_stays_what_it_is() -> None:
    modules = [info.name for info in pkgutil.iter_modules(mtbench.__path__)]
    assert {*modules} & {*mtbench.__all__} == set()
    for name in modules:
        if name != "__main__":
            importlib.import_module(f"mtbench.{name}")
    for name in ("plan", "ablate", "leaderboard", "compare", "check"):
        assert getattr(mtbench, name).__module__ == "mtbench"


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match=r"module 'mtbench' has no attribute 'ablation'"):
        mtbench.ablation  # noqa: B018
