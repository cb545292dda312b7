import io
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., Any]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Give a function that calls the command line on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(*arguments: object) -> str:
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            call(*arguments)
        return terminal.getvalue()

    return run


COMMANDS = {
    "plan": ("plan", "MATRIX", "--axis", "train.lr=1e-2,1e-3"),
    "leaderboard": ("leaderboard", "MATRIX"),
    "compare": ("compare", "MATRIX::sum, heads.pd=linear", "::pcgrad, heads.pd=linear"),
    "status": ("status",),
    "a run": ("status", "MATRIX::sum, heads.pd=linear"),
    "evaluate": ("evaluate", "MATRIX::sum, heads.pd=linear"),
    "data": ("data", "status"),
    "plugins": ("plugins", "list"),
    "a plugin": ("plugins", "show", "minbert"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_everything_fits_a_terminal_and_loses_no_word(
    call: Call,
    shown: Callable[..., str],
    study: Any,
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(study.matrix.parent)
    arguments = [word.replace("MATRIX", study.matrix.name) for word in command]
    if command[0] not in ("data", "plugins"):
        arguments += ["--store", study.store.name]

    narrow, wide = shown(*arguments), call(*arguments).out

    assert "\x1b" not in wide
    text = re.sub(r"\x1b\[\d+m", "", narrow)
    assert max(map(len, text.splitlines())) <= 80
    # Longer words of a table are cut, between which there is no blank then.
    letters = [re.sub(r"[\s-]", "", each) for each in (text, wide)]
    assert {*letters[1]} == {*letters[0]}
    assert len(letters[0]) >= len(letters[1])


def test_who_wants_no_colour_gets_none(
    shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[2m-\x1b[0m" in shown("data", "status")
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert "\x1b" not in shown("data", "status")
