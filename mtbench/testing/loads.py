"""Loads: the splits of a task as its checks read them, where it has its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mtbench.components.entries import build_task
from mtbench.errors import UsageError
from mtbench.protocols import BadRow, Examples, Split
from mtbench.testing.checks import ANYTHING, Subject, fail, require

NOWHERE = Path("/nowhere/at/all")
"""A folder that there is not."""


def build(subject: Subject) -> Any:
    """Return a new task, read in the layouts that its spec names."""
    return build_task(subject.entry, subject.parameters)


def elsewhere(subject: Subject, folder: Path) -> Subject:
    """Return a task whose files are looked for in another folder, wherever they lie."""
    return _relocated(subject, lambda path: folder / path.name)


def moved(subject: Subject, folder: Path) -> Subject:
    """Return a task whose folder is another one, and its files with it."""

    def place(path: Path) -> Path:
        inside = subject.folder is not None and path.is_relative_to(subject.folder)
        return folder / path.relative_to(subject.folder) if inside and subject.folder else path

    return replace(_relocated(subject, place), folder=folder)


def _relocated(subject: Subject, place: Callable[[Path], Path]) -> Subject:
    """Return a task with its locations changed."""
    given = subject.parameters.model_dump()
    changed = {
        name: str(place(Path(given[name])))
        for name in subject.spec.locations
        if isinstance(given.get(name), str | Path)
    }
    return replace(subject, parameters=subject.parameters.model_copy(update=changed))


def without_data(subject: Subject) -> str | None:
    """Say that a task reads files and no folder is named, or None."""
    if subject.folder is not None or _loads(subject):
        return None
    return "it reads files, and no folder with its data is named"


def reads_nothing(subject: Subject) -> str | None:
    """Say that a task loads without any file, or None."""
    return "it reads no files" if _loads(elsewhere(subject, NOWHERE)) else None


def _loads(subject: Subject) -> bool:
    """Whether a task can be loaded where no folder is named."""
    try:
        build(subject).load("train", None)
    except ANYTHING:  # whatever it is, the checks that apply meet it again
        return False
    return True


def splits(subject: Subject) -> dict[Split, Examples]:
    """Return what a new task loads; its test split is missing where it cannot be read."""
    task, place = build(subject), subject.folder
    loaded: dict[Split, Examples] = {split: task.load(split, place) for split in ("train", "dev")}
    with suppress(UsageError):  # not every data set has one
        loaded["test"] = task.load("test", place)
    for split, examples in loaded.items():
        require(
            isinstance(examples, Examples),
            f"the {split} split as Examples",
            type(examples).__name__,
        )
    return loaded


def labelled(subject: Subject) -> Iterator[tuple[Split, tuple[float, ...]]]:
    """Yield the labels of the splits; train and dev must have them."""
    for split, examples in splits(subject).items():
        if examples.labels is None:
            require(split == "test", f"labels in the {split} split", "None")
        else:
            yield split, examples.labels


def require_usage_error(subject: Subject, folder: Path | None, what: str) -> None:
    """Fail unless loading ends in a ``UsageError`` of one line."""
    expected = f"a UsageError of one line {what}"
    try:
        build(subject).load("train", folder)
    except UsageError as error:
        require(str(error) and "\n" not in str(error), expected, repr(str(error)))
    except ANYTHING as error:
        fail(expected, f"{type(error).__name__}: {error}")
    else:
        fail(expected, "no error")


def require_sound_rows(loaded: Mapping[Split, Examples]) -> None:
    """Fail unless every bad row tells file, line and reason."""
    for split, examples in loaded.items():
        for row in examples.bad_rows:
            sound = (
                isinstance(row, BadRow)
                and row.file
                and type(row.line) is int
                and row.line >= 1
                and row.reason
                and "\n" not in row.reason
            )
            require(
                sound,
                f"bad rows of {split} with a file, a line from 1 and a reason in one line",
                row,
            )


def some(places: list[str]) -> str:
    """Return the first few of many, for a message."""
    return ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
