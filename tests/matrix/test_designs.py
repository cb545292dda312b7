from collections.abc import Sequence
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.matrix.configuration import overlay
from mtbench.matrix.designs import (
    Choice,
    NamedCell,
    NamedChange,
    Stage,
    defaults,
    grid,
    is_named,
    leave_one_out,
    one_at_a_time,
    short,
    staged,
    undecided,
)

BASE = overlay({}, {"tasks": ["sst"], "train": {"lr": 1e-5, "epochs": 1}})
PAPER = {"train.lr": [1e-4, 1e-5, 1e-6], "train.dropout": [0.2, 0.3, 0.4]}
"""The axes of the paper's search."""

VALUES = {
    "combiner": ["sum", "pcgrad", "cagrad", "rlw"],
    "heads.sst": ["linear", {"name": "linear", "pair": "joined"}, "cosine"],
    "heads.sst.dropout": [0.0, 0.1, 0.5],
    "train.lr": [1e-3, 1e-4, 1e-5],
    "train.dropout": [0.1, 0.2, 0.3, 0.4],
}


@st.composite
def axes(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Draw some axes, in any order, with some values each."""
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4, unique=True))
    return {
        key: draw(st.lists(st.sampled_from(VALUES[key]), min_size=1, unique_by=short))
        for key in keys
    }


def unique(cells: Sequence[NamedCell]) -> bool:
    """Whether no two cells have one name, one place or one configuration."""
    kinds = ([c.name for c in cells], [c.levels for c in cells], [c.config for c in cells])
    return all(len({repr(item) for item in kind}) == len(cells) for kind in kinds)


# --- how many cells a design makes ------------------------------------------------------------


@given(axes())
def test_a_grid_is_a_product(drawn: dict[str, list[Any]]) -> None:
    made = list(grid(BASE, drawn))

    assert len(made) == prod(len(values) for values in drawn.values())
    assert unique(made)


@given(axes(), st.data())
def test_a_name_is_told_without_the_grid(drawn: dict[str, list[Any]], data: st.DataObject) -> None:
    names = [cell.name for cell in grid(BASE, drawn)]
    name = data.draw(st.sampled_from(names))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(name))] * 2)))

    assert all(is_named(name, drawn) for name in names)
    for changed in (name[:start] + name[end:], name[:end] + name[start:]):
        assert is_named(changed, drawn) == (changed in names)


@given(axes())
def test_one_at_a_time_is_a_sum(drawn: dict[str, list[Any]]) -> None:
    base, *others = one_at_a_time(BASE, drawn)

    assert len(others) == sum(len(values) - 1 for values in drawn.values())
    assert unique([base, *others])
    for cell in others:
        (key,) = [key for key in drawn if cell.levels[key] != base.levels[key]]
        assert cell.name == f"{key}={cell.levels[key]}"


@given(axes(), st.data())
def test_a_search_is_a_sum_whatever_wins(drawn: dict[str, list[Any]], data: st.DataObject) -> None:
    found = staged(BASE, drawn, lambda cells: Choice(data.draw(st.integers(0, len(cells) - 1))))

    assert len(found.cells) == 1 + sum(len(values) - 1 for values in drawn.values())
    assert unique(found.cells)
    assert found.to_come == 0
    everything = {cell.name: cell for cell in grid(BASE, drawn)}
    assert all(everything[cell.name] == cell for cell in found.cells)
    for before, stage in zip(found.stages, found.stages[1:], strict=False):
        assert before.kept in stage.cells


@given(axes(), st.data())
def test_what_is_known_and_what_is_to_come_are_a_whole_search(
    drawn: dict[str, list[Any]], data: st.DataObject
) -> None:
    decided = data.draw(st.integers(0, len(drawn)))
    calls: list[int] = []

    def choose(cells: Sequence[NamedCell]) -> Choice:
        calls.append(len(cells))
        return Choice(0) if len(calls) <= decided else Choice()

    found = staged(BASE, drawn, choose)

    assert len(found.cells) + found.to_come == 1 + sum(len(v) - 1 for v in drawn.values())


@given(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, unique=True))
def test_leave_one_out_is_one_more_than_its_parts(keys: list[str]) -> None:
    parts = [NamedChange(name=key, set={key: VALUES[key][1]}) for key in keys]
    full, *without = leave_one_out(BASE, parts)

    assert [cell.name for cell in without] == [f"without {key}" for key in keys]
    assert full.config not in [cell.config for cell in without]
    for cell, part in zip(without, parts, strict=True):
        rest = {key: VALUES[key][1] for key in keys if key != part.name}
        assert cell.config == overlay(BASE, rest)


# --- one at a time ----------------------------------------------------------------------------


def test_the_default_of_an_axis_is_what_the_base_has() -> None:
    assert defaults(BASE, PAPER) == {"train.lr": 1e-5, "train.dropout": 0.2}


def test_one_at_a_time_by_hand() -> None:
    made = list(one_at_a_time(BASE, PAPER))

    assert [cell.name for cell in made] == [
        "base",
        "train.lr=0.0001",
        "train.lr=1e-6",
        "train.dropout=0.3",
        "train.dropout=0.4",
    ]
    assert [tuple(cell.levels.values()) for cell in made] == [
        ("1e-5", "0.2"),
        ("0.0001", "0.2"),
        ("1e-6", "0.2"),
        ("1e-5", "0.3"),
        ("1e-5", "0.4"),
    ]
    assert made[4].config["train"] == {"lr": 1e-5, "epochs": 1, "dropout": 0.4}


def test_without_axes_one_at_a_time_and_a_search_are_the_base() -> None:
    assert list(one_at_a_time(BASE, {})) == [NamedCell("base", BASE)]
    assert staged(BASE, {}, undecided).cells == [NamedCell("base", BASE)]


# --- the staged search ------------------------------------------------------------------------


def at(lr: str, dropout: str) -> str:
    return f"train.lr={lr}, train.dropout={dropout}"


def test_the_papers_search() -> None:
    """Learning rates at the dropout of the base, then dropouts at the rate that was best."""
    best = iter([2, 1])

    found = staged(overlay(BASE, {"train.dropout": 0.3}), PAPER, lambda _: Choice(next(best)))

    first = [at("0.0001", "0.3"), at("1e-5", "0.3"), at("1e-6", "0.3")]
    second = [at("1e-6", "0.2"), at("1e-6", "0.3"), at("1e-6", "0.4")]
    assert found.stages == [
        Stage("train.lr", first, kept=first[2], value="1e-6"),
        Stage("train.dropout", second, kept=second[1], value="0.3"),
    ]
    assert [cell.name for cell in found.cells] == [*first, second[0], second[2]]
    assert found.to_come == 0
    assert found.cells[4].config["train"] == {"lr": 1e-6, "epochs": 1, "dropout": 0.4}


def test_a_stage_without_a_winner_is_the_last_one_that_is_known() -> None:
    waiting = staged(BASE, PAPER, undecided)
    stuck = staged(BASE, PAPER, lambda _: Choice(problem="none"))

    assert (len(waiting.stages), waiting.to_come, waiting.stages[0].kept) == (1, 2, "")
    assert (len(stuck.stages), stuck.to_come, stuck.stages[0].problem) == (1, 0, "none")
    assert len(waiting.cells) == len(stuck.cells) == 3


def test_an_axis_of_one_value_is_no_stage() -> None:
    found = staged(BASE, {"combiner": ["pcgrad"], "train.lr": [1e-4, 1e-5]}, undecided)

    assert [stage.axis for stage in found.stages] == ["train.lr"]
    assert found.stages[0].cells == ["train.lr=0.0001", "train.lr=1e-5"]
    assert {cell.config["combiner"]["name"] for cell in found.cells} == {"pcgrad"}
    assert len(staged(BASE, {"combiner": ["pcgrad"]}, undecided).stages) == 1


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sum", "sum"),
        (3, "3"),
        (True, "true"),
        (0.3, "0.3"),
        (1e-5, "1e-5"),
        (2.5e-10, "2.5e-10"),
        (1e20, "1e20"),
        (1.0, "1.0"),
        (["sst", "pd"], "sst+pd"),
        ([{"name": "sst", "as": "a"}, "pd"], "sst{as=a}+pd"),
        ({"name": "linear"}, "linear"),
        ({"name": "linear", "pair": "joined", "dropout": 0.0}, "linear{pair=joined,dropout=0.0}"),
        ({"dropout": 0.1}, "{dropout=0.1}"),
    ],
)
def test_short(value: object, expected: str) -> None:
    assert short(value) == expected
