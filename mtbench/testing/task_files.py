"""What the conformance kit asks of a task that reads files: broken rows, and what is not there."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from mtbench.errors import UsageError
from mtbench.protocols import SPLITS, Examples, Split
from mtbench.testing.checks import Checks, Subject, require
from mtbench.testing.loads import (
    NOWHERE,
    build,
    elsewhere,
    moved,
    reads_nothing,
    require_sound_rows,
    require_usage_error,
    splits,
    without_data,
)

check = Checks("task")

BROKEN = "broken"
"""A row that is none: of one field, and no JSON."""

LARGEST = 1 << 28
"""Bytes of a folder that is copied, to break a row in each of its files."""


@check("without its files it raises a UsageError of one line", inapplicable=reads_nothing)
def missing_data_are_a_usage_error(subject: Subject) -> None:
    require_usage_error(elsewhere(subject, NOWHERE), None, "without a folder")
    with tempfile.TemporaryDirectory() as empty:
        for folder, where in (
            (Path(empty), "an empty folder"),
            (NOWHERE, "a folder there is not"),
        ):
            require_usage_error(elsewhere(subject, folder), folder, f"in {where}")


@check("a row that was left out tells its file, line and reason", inapplicable=without_data)
def bad_rows_say_where(subject: Subject) -> None:
    require_sound_rows(splits(subject))


def _without_folder(subject: Subject) -> str | None:
    """Say that no folder is named, or None."""
    return None if subject.folder is not None else "no folder is named"


def _unbreakable(subject: Subject) -> str | None:
    """Say why no row of a task's files can be broken, or None."""
    reason = reads_nothing(subject) or _without_folder(subject)
    if reason is not None:
        return reason
    assert subject.folder is not None  # says _without_folder
    files = [file for file in subject.folder.rglob("*") if file.is_file()]
    if sum(file.stat().st_size for file in files) > LARGEST:
        return f"its folder is larger than {LARGEST >> 20} MiB, and would be copied"
    return None if any(map(_is_text, files)) else "its folder has no text files"


@check(
    "a broken row is left out and reported, and the others are loaded", inapplicable=_unbreakable
)
def reports_a_broken_row(subject: Subject) -> None:
    assert subject.folder is not None  # says _unbreakable
    before = _loaded(subject)
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "data"
        shutil.copytree(subject.folder, copied)
        for file in copied.rglob("*"):
            if file.is_file() and _is_text(file):
                _append(file)
        after = _loaded(moved(subject, copied))
    noticed = False
    sound: dict[Split, Examples] = {}
    for split, examples in after.items():
        was = before[split]
        if isinstance(examples, UsageError) or isinstance(was, UsageError):
            noticed = noticed or not isinstance(was, UsageError)
            continue
        sound[split] = examples
        if _takes_whole_lines(was, examples, subject.folder):
            noticed = True  # it is no broken row there, but one more sentence
            continue
        noticed = noticed or len(examples.bad_rows) > len(was.bad_rows)
        require(
            examples.ids == was.ids,
            f"the {len(was)} examples of {split} beside a broken row",
            f"{len(examples)} examples",
        )
    require(
        noticed,
        f"a report of the row {BROKEN!r} at the end of each file",
        "the same bad rows as without it",
    )
    require_sound_rows(sound)


@check("loading changes nothing in the folder", inapplicable=_without_folder)
def leaves_the_folder_alone(subject: Subject) -> None:
    assert subject.folder is not None  # says _without_folder
    before = _content(subject.folder)
    splits(subject)
    after = _content(subject.folder)
    changed = sorted(
        str(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    require(
        not changed, "the files of the folder as they were", f"a change of {', '.join(changed)}"
    )


def _loaded(subject: Subject) -> dict[Split, Examples | UsageError]:
    """Return the splits, or why they cannot be read."""
    task: Any = build(subject)
    loaded: dict[Split, Examples | UsageError] = {}
    for split in SPLITS:
        try:
            loaded[split] = task.load(split, subject.folder)
        except UsageError as error:
            loaded[split] = error
    return loaded


def _takes_whole_lines(before: Examples, after: Examples, folder: Path) -> bool:
    """Whether a text is a whole line of a file, so that any line is a row, and that one came."""
    more = Counter(after.texts)
    more.subtract(before.texts)
    if {texts for texts, count in more.items() if count} != {(BROKEN,)} or more[BROKEN,] < 0:
        return False
    lines = {
        line.strip()
        for file in folder.rglob("*")
        if file.is_file() and _is_text(file)
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
    }
    return all(text.strip() in lines for texts in before.texts for text in texts)


def _is_text(file: Path) -> bool:
    """Whether a file can have a row of text appended."""
    with file.open("rb") as opened:
        start = opened.read(1024)
    return bool(start) and b"\0" not in start and not start.startswith((b"PAR1", b"\x1f\x8b"))


def _append(file: Path) -> None:
    """Put a broken row at the end."""
    file.chmod(0o644)
    content = file.read_bytes()
    gap = b"" if content.endswith(b"\n") else b"\n"
    file.write_bytes(content + gap + BROKEN.encode() + b"\n")


def _content(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return size and time of every file, and the folders."""
    return {
        path.relative_to(folder): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }
