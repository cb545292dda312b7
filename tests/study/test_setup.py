import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.errors import UsageError
from mtbench.matrix.file import Matrix
from mtbench.study.plan import Plan
from mtbench.study.setup import Setup
from mtbench.study.study import Session

BASE = {"base": {"tasks": ["sample-sst"]}, "axes": {"combiner": ["sum", "uncertainty"]}}

PLUGIN = """
from mtbench.api import HeadSpec, hookimpl

@hookimpl
def mtbench_heads():
    return [HeadSpec(name="{name}", summary="mine", target="torch.nn:Linear")]
"""


def setup(matrix: Any = BASE, **given: Any) -> Setup:
    return Setup(matrix, **{"store": "store", "device": "cpu", **given})


def plan(matrix: Any = BASE, **given: Any) -> Plan:
    return Session(setup(matrix, **given), stored_only=True).plan()


def names(one: Setup) -> set[str]:
    return {entry.spec.name for entry in one.load_plugins(lambda _: None).entries}


def keys(made: Plan) -> list[tuple[str, str]]:
    return [(cell.name, run.key) for cell, run in made.runs()]


def test_a_matrix_is_a_path_a_dict_or_a_matrix(tmp_path: Path) -> None:
    (tmp_path / "matrix.toml").write_text(
        '[base]\ntasks = ["sample-sst"]\n[axes]\ncombiner = ["sum", "uncertainty"]\n'
    )
    files = [plan(str(tmp_path)), plan(tmp_path), plan(tmp_path / "matrix.toml")]
    others = [plan(), plan(Matrix(**BASE))]

    assert [made.title for made in (*files, *others)] == [tmp_path.name] * 3 + ["untitled"] * 2
    assert plan({**BASE, "title": "mine"}).title == "mine"
    assert len(keys(files[0])) == 6
    assert all(keys(made) == keys(files[0]) for made in files + others)


def test_what_is_laid_over(tmp_path: Path) -> None:
    made = plan(
        data=tmp_path,
        set={"train.lr": 0.5},
        axes={"data.fraction": (0.5, 1.0)},
        seeds=2,
        cells="uncertainty",
    )

    assert [cell.name for cell in made.cells] == [
        f"combiner=uncertainty, data.fraction={share}" for share in (0.5, 1.0)
    ]
    assert {cell.config["train"]["lr"] for cell in made.cells} == {0.5}
    assert {cell.config["data"]["dir"] for cell in made.cells} == {str(tmp_path)}
    assert made.seeds == [0, 1]
    assert setup(reference="a cell").overrides.reference == "a cell"


def test_plugins_are_one_or_several_and_that_beside_the_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_argument_heads.py"
    file.write_text(PLUGIN.format(name="mine"))
    Path("mtbenchfile.py").write_text(PLUGIN.format(name="beside"))

    for given in (file, str(file), [file], (name for name in [str(file)])):
        one = setup(plugins=given)
        assert one.files == [file, Path("mtbenchfile.py")]
        assert {"mine", "beside", "linear"} <= names(one)
    for blocked in ("my_argument_heads", iter(["my_argument_heads"])):
        assert "mine" not in names(setup(plugins=file, blocked=blocked))
    other = setup(plugins=file).of(tmp_path / "study" / "matrix.toml")
    assert other.files == [file]


def test_plugin_files_are_read_anew(tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "my_edited_heads.py"
    one = setup(plugins=file)
    for name in ("first", "second"):
        file.write_text(PLUGIN.format(name=name))
        assert name in names(one)


def test_a_broken_plugin_is_a_warning(tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "my_broken_plugin.py"
    file.write_text("raise RuntimeError('no')")

    message = r"^broken plugin my_broken_plugin .*RuntimeError: no"
    with pytest.warns(UserWarning, match=message) as caught:
        plan(plugins=file)
    assert [each.filename for each in caught] == [__file__]
    told: list[str] = []
    plan(plugins=file, warn=told.append)
    assert len(told) == 1
    assert re.match(message, told[0])


def test_numpy_makes_the_same_cells() -> None:
    """The same names and keys, so that what is stored is found."""
    rates, dropouts = [1e-3, 3e-4], [0.1, 0.5]
    numpy = {"train.lr": np.array(rates), "train.dropout": map(np.float64, dropouts)}
    wanted = plan(axes={"train.lr": rates, "train.dropout": dropouts})
    axes = {"train.lr": np.array(rates), "train.dropout": np.array(dropouts)}

    assert keys(plan(axes=numpy)) == keys(wanted)
    assert "combiner=sum, train.lr=0.0003, train.dropout=0.5" in dict(keys(wanted))
    assert keys(plan({**BASE, "axes": axes})) == keys(
        plan({**BASE, "axes": {"train.lr": rates, "train.dropout": dropouts}})
    )
    one = setup(seeds=np.int64(2), set={"train.batch_size": np.int32(32)})
    assert (type(one.seeds), type(one.set["train.batch_size"])) == (int, int)


def test_a_study_never_changes() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setup().seeds = 3


INSIDE: list[Any] = []
INSIDE.append(INSIDE)
NUMBER = "a number is too large: it has more than 308 digits"
A_PATH = "input is not a valid path (given: 3)"
A_TEXT = "input should be a valid string (given: 3)"
A_COUNT = "input should be a valid integer (given: "
A_DICT = "input should be a valid dictionary (given: "


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"axes": {"combiner": "sum"}},
            "axes.combiner: input should be a valid list (given: 'sum')",
        ),
        ({"axes": {"train.lr": 0.1}}, "axes.train.lr: input should be a valid list (given: 0.1)"),
        ({"axes": {"train.lr": []}}, "axes.train.lr: value should have at least 1 item"),
        ({"axes": {"train.lr": iter(())}}, "axes.train.lr: value should have at least 1 item"),
        ({"axes": {"x": [INSIDE]}}, "axes: a value is nested more than 64 deep"),
        ({"axes": {"x": iter([10**5000])}}, f"axes.x: {NUMBER}"),
        ({"axes": iter(())}, f"axes: {A_DICT}"),
        ({"axes": "combiner=sum"}, f"axes: {A_DICT}'combiner=sum')"),
        ({"set": "train.lr=1"}, f"set: {A_DICT}'train.lr=1')"),
        ({"set": {1: 2}}, "set.1.[key]: input should be a valid string (given: 1)"),
        ({"set": {10**5000: 2}}, f"set: {NUMBER}"),
        ({"plugins": 3}, "plugins: input should be a valid tuple (given: 3)"),
        ({"plugins": ["a.py", 3]}, f"plugins.1: {A_PATH}"),
        ({"blocked": ["a", 3]}, f"blocked.1: {A_TEXT}"),
        ({"cells": 3}, f"cells: {A_TEXT}"),
        ({"cells": 10**5000}, f"cells: {NUMBER}"),
        ({"reference": 3}, f"reference: {A_TEXT}"),
        ({"data": 3}, f"data: {A_PATH}"),
        ({"data": np.ones((2, 2))}, "data: input is not a valid path (given: [[1.0, 1.0], [1.0"),
        ({"data": "n" * 300}, "nnn"),
        ({"store": 3}, f"store: {A_PATH}"),
        ({"store": "a\0b"}, "a\0b: no path has such characters"),
        ({"device": 3}, f"device: {A_TEXT}"),
        ({"seeds": 0}, "seeds: input should be greater than or equal to 1 (given: 0)"),
        ({"seeds": [0, 1]}, f"seeds: {A_COUNT}[0, 1])"),
        ({"seeds": True}, f"seeds: {A_COUNT}True)"),
        ({"seeds": np.bool_(True)}, f"seeds: {A_COUNT}True)"),
        ({"seeds": 2.0}, f"seeds: {A_COUNT}2.0)"),
        ({"seeds": "2"}, f"seeds: {A_COUNT}'2')"),
        ({"seeds": 10**5000}, f"seeds: {NUMBER}"),
        ({"seed": 2}, "unknown key 'seed'; did you mean 'seeds'? (known: axes, "),
        (
            {"seeds": 0, "cells": 3},
            "seeds: input should be greater than or equal to 1 (given: 0); ",
        ),
        ({"matrix": {"bas": {}}}, "matrix: 'base' is missing; unknown key 'bas'; did you mean"),
        ({"matrix": 3}, "matrix: input should be a valid dictionary"),
        ({"matrix": {"base": INSIDE}}, "matrix: a value is nested more than 64 deep"),
        ({"device": "gpu"}, "unknown device 'gpu'; did you mean 'cpu'?"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        setup(**given)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_what_is_blocked_must_be_there() -> None:
    with pytest.raises(UsageError, match=r"^unknown plugin 'nobody' in -p \(known: "):
        plan(blocked="nobody")
    with pytest.raises(UsageError, match=r"^matrix: expected a file, a dict or a Matrix"):
        plan(None)
