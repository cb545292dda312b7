from typing import Any

import pytest

from mtbench.errors import UsageError
from mtbench.matrix.overrides import NO_OVERRIDES, Overrides, Start, lay_over

BASE = {"tasks": ["sst"], "combiner": "sum"}
AXES = {"combiner": ["sum", "pcgrad"], "train.lr": [1e-3]}
WRITTEN = {"tasks": ["sst"], "combiner": {"name": "sum"}}


def test_nothing_laid_over_is_the_file_itself() -> None:
    assert lay_over(BASE, AXES, NO_OVERRIDES) == Start(WRITTEN, AXES, {})


def test_what_is_set_takes_its_axis_off_and_holds_in_every_cell() -> None:
    start = lay_over(BASE, AXES, Overrides(set={"combiner": "rlw"}))

    assert start == Start(WRITTEN, {"train.lr": [1e-3]}, {"combiner": "rlw"})


def test_an_axis_begins_with_what_is_set() -> None:
    axes = {"combiner.c": [0.2, 0.4]}
    start = lay_over(BASE, AXES, Overrides(set={"combiner": "cagrad"}, axes=axes))

    assert start.base["combiner"] == {"name": "cagrad"}
    assert (start.axes, start.settings) == ({"train.lr": [1e-3], **axes}, {})


def test_axes_of_the_command_line_come_last_or_in_their_place() -> None:
    overrides = Overrides(axes={"train.dropout": [0.1], "combiner": ["rlw"]})

    assert lay_over(BASE, AXES, overrides).axes == {
        "combiner": ["rlw"],
        "train.lr": [1e-3],
        "train.dropout": [0.1],
    }


@pytest.mark.parametrize("key", ["train.steps", "train.epochs"])
def test_what_contradicts_itself_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match=r"contradict each other on train\.steps"):
        lay_over(BASE, AXES, Overrides(set={"train.steps": 5}, axes={key: [1, 2]}))


@pytest.mark.parametrize(
    ("axis", "changes", "is_left"),
    [
        pytest.param({"train.epochs": [1, 2]}, {"train.steps": 5}, False, id="other budget"),
        pytest.param(
            {"heads.sst.dropout": [0, 1]}, {"heads.sst": "linear"}, False, id="component"
        ),
        pytest.param(
            {"heads.sst.dropout": [0, 1]}, {"heads.sst": {"x": 1}}, True, id="parameters"
        ),
        pytest.param({"heads.sst": ["a", "b"]}, {"heads.sst.dropout": 0}, True, id="a parameter"),
        pytest.param({"tasks": [["sst"], ["pd"]]}, {"train.lr": 1.0}, True, id="elsewhere"),
    ],
)
def test_an_axis_that_settings_undo_is_taken_off(
    axis: dict[str, list[Any]], changes: dict[str, Any], is_left: bool
) -> None:
    assert lay_over(BASE, axis, Overrides(set=changes)).axes == (axis if is_left else {})
