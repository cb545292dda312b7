import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mtbench
from mtbench.errors import NothingToCompare, RunsMissing, UsageError
from mtbench.gate.gatekeeper import Gatekeeper
from mtbench.notebook.arguments import read_arguments
from mtbench.store import PREDICTIONS, Store
from mtbench.store.arrays import read_arrays
from mtbench.study.progress import silent

MATRIX = """
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


PLUGIN = """
from mtbench.api import HeadSpec, hookimpl

class Head:
    pass

@hookimpl
def mtbench_heads():
    return [HeadSpec(name="other-linear", summary="mine", target="my_compared_heads:Head")]
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The matrix of a study that is trained and has a baseline, and how to look at it."""
    folder = tmp_path_factory.mktemp("study")
    matrix = folder / "matrix.toml"
    matrix.write_text(MATRIX)
    given: dict[str, Any] = {"store": folder / "store", "device": "cpu"}
    mtbench.ablate(matrix, progress=False, **given)
    nothing: dict[str, Any] = dict.fromkeys(("data", "settings", "axes", "seeds", "cells"))
    asked = read_arguments(matrix, plugins=(), blocked=(), **nothing, **given)
    Gatekeeper(matrix, asked.registry, asked.store, silent, device="cpu").update()
    return matrix, given


def test_compare_of_two_cells(study: tuple[Path, dict[str, Any]]) -> None:
    matrix, given = study

    view = mtbench.compare(f"{matrix}::heads.sst=linear", "::heads.sst=mlp", **given)

    scores = mtbench.leaderboard(matrix, **given).frame.set_index("cell")["sst"]
    assert view.frame[["what", "a", "b"]].values.tolist() == [
        [what, scores["heads.sst=linear"], scores["heads.sst=mlp"]] for what in ("sst", "overall")
    ]
    assert repr(view).startswith("heads.sst=linear (A) and heads.sst=mlp (B)\n")
    view.comparisons.check_compared()


def test_compare_of_a_matrix_with_itself_is_identical(study: tuple[Path, dict[str, Any]]) -> None:
    matrix, given = study

    frame = mtbench.compare(matrix, matrix, cells="mlp", **given).frame

    assert list(frame["cell_a"]) == list(frame["cell_b"]) == ["heads.sst=mlp"] * 2
    assert frame["identical"].all()


def test_compare_reads_iterators_for_both_sides(
    study: tuple[Path, dict[str, Any]], tmp_path: Path, new_modules: None
) -> None:
    matrix, given = study
    file = tmp_path / "my_compared_heads.py"
    file.write_text(PLUGIN)
    axes = {"heads.sst": (head for head in ("linear", "other-linear"))}
    plugins = (place for place in [file])
    blocked = (name for name in ["nobody"])

    with pytest.warns(UserWarning, match="runs have no score"):
        view = mtbench.compare(matrix, matrix, axes=axes, plugins=plugins, **given)

    assert list(view.frame["cell_a"].unique()) == ["heads.sst=linear"]
    assert list(view.comparisons.absent) == ["heads.sst=other-linear"]
    with pytest.raises(UsageError, match="unknown plugin 'nobody'"):
        mtbench.compare(matrix, matrix, blocked=blocked, **given)


def test_compare_warns_once_and_where_it_is_called(
    study: tuple[Path, dict[str, Any]], tmp_path: Path, new_modules: None
) -> None:
    """Of what both sides have: a broken plugin, and runs that are missing."""
    matrix, given = study
    file = tmp_path / "my_broken_compared.py"
    file.write_text("raise RuntimeError('no')")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mtbench.compare(matrix, matrix, seeds=2, plugins=file, **given)

    broken, missing = [str(one.message) for one in caught]
    assert broken.startswith("broken plugin my_broken_compared ")
    assert missing.startswith("2 of 4 runs have no score (")
    assert {one.filename for one in caught} == {__file__}


def test_many_pairs_are_shown_in_full_where_that_is_asked_for(
    study: tuple[Path, dict[str, Any]],
) -> None:
    matrix, given = study

    view = mtbench.compare(matrix, matrix, **given)

    for form in ("rich", "markdown", "latex"):
        assert len(view.render(form, details=True)) > 2 * len(view.render(form))
    for form in ("csv", "json"):
        assert view.render(form, details=True) == view.render(form)


def test_what_cannot_be_compared(study: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    matrix, given = study

    with pytest.raises(UsageError, match=r"unknown cell 'heads\.sst=mpl' in .*; did you mean"):
        mtbench.compare(f"{matrix}::heads.sst=mpl", "::heads.sst=mlp", **given)
    with pytest.raises(NothingToCompare, match="is stored"):
        mtbench.compare(matrix, matrix, store=tmp_path / "empty", device="cpu")
    with pytest.raises(UsageError, match=r"^examples: expected a number from 1"):
        mtbench.compare(matrix, matrix, examples=-1, **given)
    number: Any = 3
    with pytest.raises(UsageError, match=r"^b: expected a path \(given: 3\)$"):
        mtbench.compare(matrix, number, **given)
    with pytest.raises(UsageError, match=r"^plugins: expected a path \(given: 3\)$"):
        mtbench.compare(matrix, matrix, plugins=number, **given)


def test_check_of_an_unchanged_study_passes(study: tuple[Path, dict[str, Any]]) -> None:
    matrix, given = study

    view = mtbench.check(matrix, progress=False, **given)

    assert (view.report.verdict, view.report.failed) == ("passed", False)
    assert list(view.frame["cell"]) == ["heads.sst=linear", "heads.sst=mlp"]
    assert view.frame["difference"].tolist() == [0.0, 0.0]


def test_check_trains_nothing_where_it_is_told_not_to(
    study: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    matrix, _ = study

    view = mtbench.check(matrix, store=tmp_path, device="cpu", train=False, progress=False)

    assert (view.report.verdict, view.report.failed) == ("missing", True)
    assert Store(tmp_path).keys() == set()


def test_check_writes_the_baseline_anew(
    study: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    matrix, given = study

    view = mtbench.check(matrix, baseline=tmp_path, update=True, train=False, **given)

    written, beside = (
        json.loads((folder / "baseline.json").read_text()) for folder in (tmp_path, matrix.parent)
    )
    of_place = {"matrix_file", "digest"}
    assert {name for name in written if written[name] != beside[name]} == of_place
    assert (view.report.verdict, view.frame["difference"].tolist()) == ("passed", [0.0, 0.0])
    for more in ({"strict": True}, {"extend": 1}):
        with pytest.raises(UsageError, match=r"^update: .* leave out strict and extend$"):
            mtbench.check(matrix, baseline=tmp_path, update=True, **more, **given)
    with pytest.raises(RunsMissing, match="2 of 4 runs have no score"):
        mtbench.check(matrix, baseline=tmp_path, update=True, train=False, **{**given, "seeds": 2})


def test_check_needs_a_file_and_its_baseline(
    study: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    matrix, given = study
    dictionary: Any = {"base": {}}

    with pytest.raises(UsageError, match=r"^matrix: a check needs a file"):
        mtbench.check(dictionary)
    with pytest.raises(NothingToCompare, match="there is no baseline"):
        mtbench.check(matrix, baseline=tmp_path, train=False, **given)
    for name in ("jobs", "extend"):
        with pytest.raises(UsageError, match=rf"^{name}: expected a number from 1"):
            mtbench.check(matrix, **{name: -2}, **given)


def test_a_run_that_is_worse_is_a_regression(
    study: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """The baseline of a better model: the stored run is worse in its place."""
    matrix, given = study
    baseline = json.loads((matrix.parent / "baseline.json").read_text())
    text = json.dumps(baseline)
    assert "heads.sst=mlp" in text
    store = Store(given["store"])
    before: list[float] = []
    for key in store.keys():  # noqa: SIM118 - a store is no mapping
        result = store.run(key).result()
        assert result.overall is not None
        before.append(result.overall)
        target = Store(tmp_path).create(key)
        for file in store.run(key).path.iterdir():
            (target.path / file.name).write_bytes(file.read_bytes())
        arrays = read_arrays((target.path / PREDICTIONS).read_bytes())
        arrays["sst.predictions"] = (arrays["sst.labels"] + 1) % 5
        np.savez(target.path / PREDICTIONS, **arrays)
        dev = {"sst": {"accuracy": 0.0, "macro_f1": 0.0}}
        scores = result.scores.model_copy(update={"dev": dev})
        target.end(result.model_copy(update={"overall": 0.0, "scores": scores}))

    view = mtbench.check(matrix, store=tmp_path, device="cpu", progress=False)

    assert (view.report.verdict, view.report.failed) == ("regressed", True)
    assert sorted(-view.frame["difference"]) == pytest.approx(sorted(before))
