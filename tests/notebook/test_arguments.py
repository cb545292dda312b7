from pathlib import Path
from typing import Any

import pytest

from mtbench.errors import UsageError
from mtbench.matrix.file import Matrix
from mtbench.notebook.arguments import Asked, check_count, read_arguments

BASE = {"base": {"tasks": ["sample-sst"]}, "axes": {"combiner": ["sum", "pcgrad"]}}

PLUGIN = """
from mtbench.api import HeadSpec, hookimpl

@hookimpl
def mtbench_heads():
    return [HeadSpec(name="{name}", summary="mine", target="torch.nn:Linear")]
"""


def asked(matrix: Any = BASE, **given: Any) -> Asked:
    nothing: dict[str, Any] = {"data": None, "settings": None, "axes": None}
    more: dict[str, Any] = {"seeds": None, "cells": None, "plugins": (), "blocked": ()}
    return read_arguments(
        matrix, **{"store": "store", "device": "cpu", **nothing, **more, **given}
    )


def names(one: Asked) -> list[str]:
    return [cell.name for cell in one.plan().cells]


def test_a_matrix_is_a_path_a_dict_or_a_matrix(tmp_path: Path) -> None:
    (tmp_path / "matrix.toml").write_text(
        '[base]\ntasks = ["sample-sst"]\n[axes]\ncombiner = ["sum", "pcgrad"]\n'
    )
    paths = [asked(str(tmp_path)), asked(tmp_path), asked(tmp_path / "matrix.toml")]
    others = [asked(), asked(Matrix(**BASE))]

    assert [one.plan().title for one in paths] == [tmp_path.name] * 3
    assert [one.plan().title for one in others] == ["untitled"] * 2
    assert asked({**BASE, "title": "mine"}).plan().title == "mine"
    runs = [[run.key for _, run in one.plan().runs()] for one in paths + others]
    assert all(keys == runs[0] for keys in runs)
    assert len(runs[0]) == 6


def test_what_is_laid_over(tmp_path: Path) -> None:
    one = asked(
        data=tmp_path,
        settings={"train.lr": 0.5},
        axes={"data.fraction": (0.5, 1.0)},
        seeds=2,
        cells="pcgrad",
    )

    assert names(one) == [f"combiner=pcgrad, data.fraction={share}" for share in (0.5, 1.0)]
    assert {cell.config["train"]["lr"] for cell in one.plan().cells} == {0.5}
    assert {cell.config["data"]["dir"] for cell in one.plan().cells} == {str(tmp_path)}
    assert one.plan().seeds == [0, 1]


def test_plugins_are_one_or_several_and_that_beside_the_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_argument_heads.py"
    file.write_text(PLUGIN.format(name="mine"))
    Path("mtbenchfile.py").write_text(PLUGIN.format(name="beside"))

    for given in (file, str(file), [file], [str(file)]):
        one = asked(plugins=given)
        assert one.files == [file, Path("mtbenchfile.py")]
        found = {entry.spec.name for entry in one.registry.entries}
        assert {"mine", "beside", "linear"} <= found
    for blocked in ("my_argument_heads", ["my_argument_heads"]):
        one = asked(plugins=file, blocked=blocked)
        assert one.blocked == ["my_argument_heads"]
        assert "mine" not in {entry.spec.name for entry in one.registry.entries}


def test_a_broken_plugin_is_a_warning(tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "my_broken_plugin.py"
    file.write_text("raise RuntimeError('no')")

    with pytest.warns(UserWarning, match=r"^broken plugin my_broken_plugin .*RuntimeError: no"):
        asked(plugins=file)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"axes": {"combiner": "sum"}},
            "axes: combiner: expected a list of values (given: 'sum')",
        ),
        ({"axes": {"train.lr": 0.1}}, "axes: train.lr: expected a list of values (given: 0.1)"),
        ({"seeds": 0}, "seeds: expected a number from 1 (given: 0)"),
        ({"seeds": [0, 1]}, "seeds: expected a number from 1 (given: [0, 1])"),
        ({"matrix": {"bas": {}}}, "matrix: 'base' is missing; unknown key 'bas'; did you mean"),
        ({"matrix": 3}, "matrix: input should be a valid dictionary"),
        ({"device": "gpu"}, "unknown device 'gpu'; did you mean 'cpu'?"),
        ({"blocked": "nobody"}, "unknown plugin 'nobody' in -p (known: "),
    ],
)
def test_what_does_not_fit_is_a_usage_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked(**given)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [0, -1, True, 1.0, "2", None])
def test_what_is_no_count(given: Any) -> None:
    with pytest.raises(UsageError, match=r"^jobs: expected a number from 1"):
        check_count("jobs", given)
    check_count("jobs", 1)
