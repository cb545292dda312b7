import io

import pytest

from mtbench.console import say, show, show_text


def test_a_line_is_shown_with_what_is_hidden_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b\nb")
    show("c\u202e")
    show_text("two\nlines")

    assert capsys.readouterr() == ("c\\u202e\ntwo\nlines\n", "a\\x1b\\nb\n")


def test_ascii_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    place = io.BytesIO()
    stream = io.TextIOWrapper(place, encoding="ascii", errors="replace")
    monkeypatch.setattr("sys.stdout", stream)

    show("é ↑")

    assert place.getvalue() == b"? ?\n"


def test_without_stderr_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr", None)

    say("a line")

    assert capsys.readouterr().out == ""
