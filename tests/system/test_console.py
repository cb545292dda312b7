import io

import pytest

from mtbench.system.console import LONGEST, say, show, show_text


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


def test_a_long_line_loses_its_middle(capsys: pytest.CaptureFixture[str]) -> None:
    say("a" * LONGEST)
    say("b" + "a" * 100_000 + "c")

    whole, shortened = capsys.readouterr().err.splitlines()
    half = LONGEST // 2
    assert whole == "a" * LONGEST
    assert shortened == f"b{'a' * (half - 1)} ... {'a' * (half - 1)}c"
