from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.errors import UsageError
from mtbench.matrix.file import Matrix
from mtbench.notebook.arguments import Asked, read_arguments

BASE = {"base": {"tasks": ["sample-sst"]}, "axes": {"combiner": ["sum", "uncertainty"]}}

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
        '[base]\ntasks = ["sample-sst"]\n[axes]\ncombiner = ["sum", "uncertainty"]\n'
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
        cells="uncertainty",
    )

    assert names(one) == [f"combiner=uncertainty, data.fraction={share}" for share in (0.5, 1.0)]
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


def test_numpy_makes_the_same_cells() -> None:
    """The same names and keys, so that what is stored is found."""
    rates, dropouts, width = [1e-3, 3e-4], [0.1, 0.5], 32
    given = asked(axes={"train.lr": np.array(rates), "train.dropout": map(np.float64, dropouts)})
    given_file = asked({**BASE, "axes": {"train.lr": np.array(rates), "train.dropout": dropouts}})
    wanted = asked(axes={"train.lr": rates, "train.dropout": dropouts})
    files = asked({**BASE, "axes": {"train.lr": rates, "train.dropout": dropouts}})

    assert names(given) == names(wanted)
    assert "combiner=sum, train.lr=0.0003, train.dropout=0.5" in names(given)
    assert names(given_file) == names(files)
    for one, other in ((given, wanted), (given_file, files)):
        keys, others = ([run.key for _, run in made.plan().runs()] for made in (one, other))
        assert keys == others

    one = asked(seeds=np.int64(2), settings={"train.batch_size": np.int32(width)})
    assert one.overrides.seeds == 2
    assert type(one.overrides.set["train.batch_size"]) is int


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"axes": {"combiner": "sum"}},
            "axes: combiner: expected a list of values (given: 'sum')",
        ),
        ({"axes": {"train.lr": 0.1}}, "axes: train.lr: expected a list of values (given: 0.1)"),
        ({"axes": {"train.lr": []}}, "axes: train.lr: expected at least one value (given: none)"),
        ({"axes": iter(())}, "axes: expected a dict such as {"),
        ({"axes": "combiner=sum"}, "axes: expected a dict such as {"),
        (
            {"settings": "train.lr=1"},
            "set: expected a dict such as {\"train.lr\": 1e-4} (given: 'train.lr=1')",
        ),
        ({"settings": {1: 2}}, "set: expected a dict such as {"),
        ({"plugins": 3}, "plugins: expected a path (given: 3)"),
        ({"plugins": ["a.py", 3]}, "plugins: expected a path (given: 3)"),
        ({"blocked": 3}, "blocked: expected a text (given: 3)"),
        ({"cells": 3}, "cells: expected a text (given: 3)"),
        ({"data": 3}, "data: expected a path (given: 3)"),
        ({"store": None}, "store: expected a path (given: None)"),
        ({"device": 0}, "device: expected a text (given: 0)"),
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
