import math
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mtbench.errors import UsageError
from mtbench.rendering import FORMS, render
from mtbench.rendering.document import Document, Lines
from mtbench.study.view import RecordTable, View

ROWS = [
    {"seed": 1, "b": None, "c": "x", "d": 0.1234567},
    {"seed": None, "b": None, "c": None, "d": None},
]


def document(report: str, *, details: bool = False) -> Document:
    return Document(report, [Lines("", ["in full"] if details else [])], lambda: ROWS)


@pytest.fixture
def view() -> View[str]:
    tables = {"cells": RecordTable(lambda: ROWS), "empty": RecordTable(list, ("a", "b"))}
    return View("a <cell>", partial(document, "a <cell>"), tables)


@pytest.mark.parametrize("form", FORMS)
def test_it_has_every_form_of_the_command_line(view: View[str], form: str) -> None:
    assert view.render(form) == render(document("a <cell>"), form)
    in_full = render(document("a <cell>", details=True), form)
    assert view.render(form, details=True) == in_full


def test_it_looks_like_the_terminal(view: View[str]) -> None:
    assert str(view) == repr(view) == view.render() == view.render("text") == "a <cell>"
    assert view.render(details=True) == "a <cell>\nin full"


def test_a_notebook_shows_html(view: View[str]) -> None:
    assert view._repr_html_() == view.render("html")
    assert ET.fromstring(view._repr_html_()).findtext("p/strong") == "a <cell>"


@pytest.mark.parametrize(
    ("form", "message"),
    [("texd", "'texd'; did you mean 'text'"), (3, r"'3' \(known: csv, html"), ([], r"'\[\]' ")],
)
def test_an_unknown_form(view: View[str], form: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^unknown format {message}"):
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
    assert View("", partial(document, ""), {"": RecordTable(list)}).to_frame().empty
    with pytest.raises(UsageError, match=r"^unknown table 'empti'; did you mean 'empty'"):
        view.to_frame("empti")
    nonsense: tuple[Any, ...] = (3, [], None, False)
    for name in nonsense:
        with pytest.raises(UsageError, match=r"^unknown table"):
            view.records(name)
