from pathlib import Path
from typing import Any

import pytest

from mtbench.api import BadRow, Examples, Parameters, UsageError
from mtbench.components.entries import Entry, Provider
from mtbench.specs import TaskSpec
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.loads import (
    elsewhere,
    labelled,
    moved,
    reads_nothing,
    require_sound_rows,
    require_usage_error,
    some,
    splits,
    without_data,
)

ONE = Examples(("a",), (("x",),), (1.0,))


class Trial:
    """Has no test split, nor labels on dev; needs a folder."""

    def __init__(self, parameters: object) -> None: ...

    def load(self, split: str, folder: Path | None, *, with_labels: bool = True) -> Any:
        if folder is None or split == "test":
            raise UsageError("not there")
        return ONE if split == "train" else Examples(("b",), (("y",),), None)


def subject(folder: Path | None, target: Any = Trial) -> Subject:
    spec = TaskSpec(name="trial", summary="s", target=target)
    return Subject.of(Entry(spec, Provider("here", "", "here")), folder=folder)


def test_a_test_split_may_be_missing(tmp_path: Path) -> None:
    assert list(splits(subject(tmp_path))) == ["train", "dev"]


def test_dev_needs_labels(tmp_path: Path) -> None:
    found = labelled(subject(tmp_path))
    assert next(found) == ("train", (1.0,))
    with pytest.raises(CheckFailed, match="expected labels in the dev split; came None"):
        next(found)


def test_what_needs_a_folder(tmp_path: Path) -> None:
    assert without_data(subject(None)) == "it reads files, and no folder with its data is named"
    assert without_data(subject(tmp_path)) is None
    assert reads_nothing(subject(None)) is None

    class Made(Trial):
        def load(self, *given: Any, **more: Any) -> Any:
            return ONE

    assert without_data(subject(None, Made)) is None
    assert reads_nothing(subject(None, Made)) == "it reads no files"


def test_what_cannot_be_built_is_asked() -> None:
    assert without_data(subject(None, "no_such:Task")) is not None
    assert reads_nothing(subject(None, "no_such:Task")) is None


def test_an_error_of_the_user(tmp_path: Path) -> None:
    require_usage_error(subject(None), None, "without a folder")
    with pytest.raises(CheckFailed, match="expected a UsageError of one line here; came no error"):
        require_usage_error(subject(None), tmp_path, "here")


def test_bad_rows() -> None:
    require_sound_rows({"dev": Examples((), (), None, (BadRow("f", 1, "why"),))})
    for row in (BadRow("", 1, "why"), BadRow("f", 0, "why"), BadRow("f", 1, "why\nnot")):
        with pytest.raises(CheckFailed, match="expected bad rows of dev with a file"):
            require_sound_rows({"dev": Examples((), (), None, (row,))})


def test_a_few_of_many() -> None:
    assert some(["a", "b", "c"]) == "a, b, c"
    assert some(list("abcde")) == "a, b, c and 2 more"


# --- where files lie ----------------------------------------------------------------------------


class Located(Parameters):
    path: str
    rows: int = 3


def located(folder: Path | None, path: str) -> Subject:
    spec = TaskSpec(
        name="trial",
        summary="s",
        target=Trial,
        parameters=Located,
        locations=frozenset({"path"}),
        example={"path": path},
    )
    return Subject.of(Entry(spec, Provider("here", "", "here")), folder=folder)


def test_a_relative_location_is_taken_from_the_folder(tmp_path: Path) -> None:
    assert located(tmp_path, "a/rows.csv").parameters.path == str(tmp_path / "a" / "rows.csv")
    assert located(None, "a/rows.csv").parameters.path == "a/rows.csv"
    assert located(tmp_path, "/rows.csv").parameters.path == "/rows.csv"


def test_a_folder_that_moves_takes_its_files_along(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    inside = moved(located(tmp_path / "data", "a/rows.csv"), copy)
    assert (inside.folder, inside.parameters.path) == (copy, str(copy / "a" / "rows.csv"))
    assert moved(located(tmp_path, "/rows.csv"), copy).parameters.path == "/rows.csv"


def test_files_that_are_looked_for_elsewhere(tmp_path: Path) -> None:
    parameters = elsewhere(located(None, "/a/rows.csv"), tmp_path).parameters
    assert (parameters.path, parameters.rows) == (str(tmp_path / "rows.csv"), 3)
