import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mtbench.errors import UsageError
from mtbench.study.view import Table, View, forms_of

ROWS = [
    {"seed": 1, "b": None, "c": "x", "d": 0.1234567},
    {"seed": None, "b": None, "c": None, "d": None},
]


def red(report: str, *, details: bool = False) -> str:
    return f"\x1b[31m{report}\x1b[0m{' in full' if details else ''}\n\nend"


@pytest.fixture
def view() -> View[str]:
    tables = {"cells": Table(lambda: ROWS), "empty": Table(list, ("a", "b"))}
    return View("a <cell>", forms_of({"rich": red, "csv": len}, "a <cell>"), tables)


def test_it_looks_like_the_terminal_without_its_colours(view: View[str]) -> None:
    assert str(view) == repr(view) == view.render() == view.render("rich") == "a <cell>\n\nend"
    assert view.render("rich", colour=True) == red("a <cell>")
    assert view.render(details=True) == "a <cell> in full\n\nend"


def test_a_notebook_has_the_text_or_what_is_better(view: View[str]) -> None:
    element = ET.fromstring(view._repr_html_())
    assert (element.tag, element.text) == ("pre", "a <cell>\n\nend")
    better = View("", forms_of({"rich": red, "html": lambda report: f"<b>{report}</b>"}, "x"), {})
    assert better._repr_html_() == better.render("html") == "<b>x</b>"


@pytest.mark.parametrize(
    ("form", "told"), [("ritch", "'ritch'; did you mean 'rich'"), (3, r"'3' \(known: csv, html")]
)
def test_an_unknown_form(view: View[str], form: Any, told: str) -> None:
    with pytest.raises(UsageError, match=f"^unknown format {told}"):
        view.render(form)


def test_what_is_none_is_nan_in_a_frame(view: View[str]) -> None:
    frame = view.to_frame()

    assert view.records() == view.records("cells") == ROWS
    assert [str(frame[name].dtype) for name in "bd"] == ["float64", "float64"]
    assert str(frame["seed"].dtype) == "Int64"
    assert (frame["seed"][0], frame["c"][0], frame["d"][0]) == (1, "x", 0.1234567)
    assert frame.isna().to_numpy().tolist() == [[False, True, False, False], [True] * 4]
    assert isinstance(frame["c"][1], float)
    assert math.isnan(frame["c"][1])


def test_a_table_may_be_empty(view: View[str]) -> None:
    assert view.records("empty") == []
    assert list(view.to_frame("empty")) == ["a", "b"]
    assert View("", {}, {"": Table(list)}).to_frame().empty
    with pytest.raises(UsageError, match=r"^unknown table 'empti'; did you mean 'empty'"):
        view.to_frame("empti")
