import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.tracebacks import VARIABLE, place, show, summary


class Wordless(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("sst"), "KeyError: 'sst'"),
        (RuntimeError("one\n   two\n"), "RuntimeError: one two"),
        (SystemExit(3), "SystemExit: 3"),
        (Wordless(), "Wordless"),
    ],
    ids=repr,
)
def test_an_error_in_one_line(error: BaseException, line: str) -> None:
    assert summary(error) == line


def caught(function: Callable[[], object]) -> BaseException:
    with pytest.raises(ZeroDivisionError) as error:
        function()
    return error.value


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None) -> Path:
    """A package whose innermost module divides by zero on its second line."""
    folder = tmp_path / "folder" / "tracebacks_package"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("from tracebacks_package.inner.deep import fail\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "deep.py").write_text("def fail():\n    return 1 / 0\n")
    (folder.parent / "tracebacks_file.py").write_text(
        "from tracebacks_package import fail\n\n\ndef call():\n    fail()\n"
    )
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def test_the_place_is_the_innermost_line_of_the_packages(package: Path) -> None:
    error = caught(importlib.import_module("tracebacks_file").call)

    assert place(error, {"tracebacks_package"}) == "tracebacks_package/inner/deep.py:2"
    assert place(error, {"tracebacks_file"}) == "tracebacks_file.py:5"
    assert (
        place(error, {"tracebacks_file", "tracebacks_package"})
        == "tracebacks_package/inner/deep.py:2"
    )
    assert place(error, {"json"}) == ""


def test_a_package_is_shown_with_its_folder(package: Path) -> None:
    (package / "__init__.py").write_text("def call():\n    1 / 0\n")

    error = caught(importlib.import_module("tracebacks_package").call)

    assert place(error, {"tracebacks_package"}) == "tracebacks_package/__init__.py:2"


def test_a_traceback_is_shown_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = caught(lambda: 1 / 0)

    show(error)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv(VARIABLE, "1")
    show(error)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("ZeroDivisionError: division by zero\n")
