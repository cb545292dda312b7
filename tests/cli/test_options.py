import sys
from pathlib import Path
from typing import Any

import pytest

from mtbench.interface import Study


def test_the_options_of_a_study_have_its_names(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that takes a matrix, and every field of a study."""
    made: list[Study] = []
    monkeypatch.setattr(Study, "leaderboard", lambda study: made.append(study) or sys.exit(0))
    Path("m.toml").touch()
    Path("d").mkdir()
    given = [
        "--set",
        "train.lr=1e-4",
        "--set",
        "encoder.checkpoint = a=b",
        "--axis",
        "combiner=sum",
    ]
    given += ["--cells", "sum", "--seeds", "2", "--data", "d", "--store", "s", "--device", "cpu"]
    given += ["--plugin", "p.py", "--plugin", "q.py", "-p", "no:a", "-p", "no:b"]

    assert call("leaderboard", "m.toml", *given, "--reference", "sum").code == 0

    (study,) = made
    assert study.model_dump(exclude={"store", "warn"}) == {
        "matrix": Path("m.toml"),
        "set": {"train.lr": 1e-4, "encoder.checkpoint": "a=b"},
        "axes": {"combiner": ["sum"]},
        "cells": "sum",
        "seeds": 2,
        "data": Path("d"),
        "device": "cpu",
        "plugins": (Path("p.py"), Path("q.py")),
        "blocked": ("a", "b"),
        "reference": "sum",
    }
    assert study.store.root == Path("s")


@pytest.mark.parametrize(
    ("here", "hint"),
    [
        ("matrix.toml", "Here is matrix.toml: 'mtbench {} matrix.toml'"),
        ("study.toml", "'mtbench init' writes one."),
    ],
)
@pytest.mark.parametrize("command", ["ablate", "plan", "leaderboard", "check"])
def test_a_command_without_its_matrix_says_what_is_here(
    call: Any, command: str, here: str, hint: str
) -> None:
    Path(here).touch()

    answer = call(command)

    assert (answer.code, answer.out) == (2, "")
    last = answer.err.splitlines()[-1]
    assert last == f"Error: Missing argument 'MATRIX'. {hint.format(command)}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "{}"),
        ("plan", "m.toml", "--store", "{}"),
        ("check", "m.toml", "--baseline", "{}"),
        ("check", "m.toml", "--junit", "{}"),
        ("compare", "m.toml", "m.toml", "--store-b", "{}"),
        ("predict", "a", "--out", "{}"),
        ("data", "status", "{}"),
        ("init", "{}"),
        ("plugins", "new", "head", "mine", "--dir", "{}"),
    ],
    ids=lambda arguments: " ".join(arguments[:-1]),
)
def test_a_path_that_the_system_cannot_follow_is_one_line(
    call: Any, arguments: tuple[str, ...]
) -> None:
    Path("loop").symlink_to("loop")
    for path, reason in (("n" * 256, "File name too long"), ("loop", "Too many levels of")):
        answer = call(*(each.format(path) for each in arguments))

        assert (answer.code, answer.out) == (2, "")
        last = answer.err.splitlines()[-1]
        assert last.startswith("Error: Invalid value for ")
        assert f": {path}: {reason}" in last
