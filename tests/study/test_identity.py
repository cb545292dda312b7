"""Identity: the one way of writing that keys are made from; plans test what goes into it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.errors import PluginError, UsageError
from mtbench.matrix.configuration import overlay
from mtbench.store import canonical, run_key
from mtbench.study.identity import Identifier, check_unchanged, differing
from mtbench.study.resolution import Resolver


def test_a_run_key_is_pinned() -> None:
    assert run_key("x", 0) == ("924145137571d030623610d3f034c0466893873359b00662ef09e8c05bd270a3")


def test_canonical_is_one_way_of_writing() -> None:
    assert canonical({"b": [1.0, None, "é"], "a": {"d": True, "c": 1e-5}}) == (
        '{"a":{"c":1e-05,"d":true},"b":[1.0,null,"\\u00e9"]}'
    )


HEAD = """
from functools import partial

from mtbench.api import HeadSpec, hookimpl
from of_the_head import FACTOR
from torch import nn


class Scaled(nn.Module):
    def __init__(self, width, task, parameters, factor=1.0): ...


@hookimpl
def mtbench_heads():
    target = partial(Scaled, factor=1.0)
    return [HeadSpec(name="scaled", summary="", target=target, sources=["scaled_head:words.txt"])]
"""


@pytest.fixture
def code(
    small: dict[str, Any], tmp_path: Path, new_modules: None
) -> Callable[..., dict[str, str]]:
    """Give a function that edits a head and what lies beside it, and returns the cell's code."""
    files = {"scaled_head.py": HEAD, "of_the_head.py": "FACTOR = 1.0", "words.txt": "a"}

    def code(**edits: tuple[str, str]) -> dict[str, str]:
        for name, text in files.items():
            (tmp_path / name).write_text(
                text.replace(*edits.get(name.partition(".")[0], ("", "")))
            )
        resolver = Resolver(Registry.load([tmp_path / "scaled_head.py"]))
        resolved = resolver.resolve(overlay(small, {"heads.sst": "scaled"}))
        return dict(Identifier().components(resolved)["code"])

    return code


@pytest.mark.parametrize(
    ("file", "edit"),
    [
        ("scaled_head", ("factor=1.0)", "factor=2.0)")),
        ("of_the_head", ("1.0", "2.0")),
        ("words", ("a", "b")),
    ],
)
def test_an_edit_re_runs_the_cells_that_use_it_alone(
    code: Callable[..., dict[str, str]], file: str, edit: tuple[str, str]
) -> None:
    before, after = code(), code(**{file: edit})

    assert {part for part in before if before[part] != after[part]} == {"heads.sst"}
    assert code() == before


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (
            ("factor=1.0)", "factor=(n for n in [1]))"),
            "the source of .* cannot be found: .* pickle",
        ),
        (
            ("words.txt", "gone.txt"),
            "sources: 'scaled_head:gone.txt' cannot be read: No such file",
        ),
    ],
)
def test_a_component_without_a_source_is_broken(
    code: Callable[..., dict[str, str]], edit: tuple[str, str], reason: str
) -> None:
    with pytest.raises(PluginError, match=rf"head 'scaled' of scaled_head\.py: .*{reason}"):
        code(scaled_head=edit)


# --- what differs -----------------------------------------------------------------------------

THEN = {
    "numerics": 2,
    "config": {"train": {"lr": 1e-3, "steps": 3}},
    "data": {"sst": {"train": "a", "dev": "b"}},
    "weights": None,
}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, []),
        ({"numerics": 3, "weights": "x"}, ["numerics", "weights"]),
        ({"config": {"train": {"lr": 1e-3, "steps": 4}}}, ["config.train.steps"]),
        ({"config": {"train": {"lr": 1e-3}}}, ["config.train.steps"]),
        ({"config": {"train": {**THEN["config"]["train"], "new": 1}}}, ["config.train.new"]),
        ({"config": {"train": 3}}, ["config.train"]),
        ({"data": {"sst": {"train": "x", "dev": "y"}}}, ["data.sst"]),
        ({"data": {}}, ["data.sst"]),
    ],
)
def test_the_parts_that_differ_are_named(changes: dict[str, Any], parts: list[str]) -> None:
    assert list(differing(THEN, THEN | changes)) == parts


def test_parts_that_nobody_asks_for_are_not_compared() -> None:
    check_unchanged(THEN, {"weights": None}, since="then")

    now = {"config": {"train": {"lr": 1, "steps": 3}}, "weights": "x"}
    with pytest.raises(UsageError, match=r"^config\.train\.lr, weights changed since then$"):
        check_unchanged(THEN, now, since="then")


# --- data that are not at hand ----------------------------------------------------------------


def test_an_identity_without_the_data_of_a_task(small: dict[str, Any]) -> None:
    resolved = Resolver(Registry.load()).resolve(overlay(small, {"tasks": ["sst", "sample-pd"]}))
    identifier = Identifier()

    absent = identifier.absent_data(resolved)

    assert list(absent) == ["sst"]
    assert absent["sst"].startswith("no data folder is named to read ids-sst-*.csv from")
    identity, text = identifier.identity(resolved, "cpu", without=absent)
    assert list(identity.data) == ["sample-pd"]
    assert text == identity.text
    with pytest.raises(UsageError, match="no data folder is named"):
        identifier.identity(resolved, "cpu")
