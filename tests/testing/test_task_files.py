"""What these checks catch in tables is in test_tasks; here, in texts that are lines, and how."""

from pathlib import Path
from typing import Any

import pytest

from mtbench.api import Examples, TaskInfo, UsageError
from mtbench.components.entries import Entry, Provider
from mtbench.specs import TaskSpec
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.task_files import (
    _append,
    _is_text,
    leaves_the_folder_alone,
    reports_a_broken_row,
)


def subject(target: Any, folder: Path) -> Subject:
    spec = TaskSpec(name="made", summary="s", target=target)
    return Subject.of(Entry(spec, Provider("here", "", "here")), folder=folder)


class OfLines:
    """One sentence a line; its label is in the name of the file."""

    def __init__(self, parameters: object) -> None: ...

    def describe(self) -> TaskInfo:
        return TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2)

    def text(self, line: str) -> str:
        return line

    def load(self, split: str, folder: Any, *, with_labels: bool = True) -> Examples:
        if folder is None or not folder.is_dir():
            raise UsageError("no folder is named")
        lines = {
            f"{name}-{place}": (label, line)
            for label, name in enumerate(("bad", "good"))
            for place, line in enumerate((folder / f"{name}-{split}.txt").read_text().splitlines())
        }
        return Examples(
            tuple(lines),
            tuple((self.text(line),) for _, line in lines.values()),
            tuple(float(label) for label, _ in lines.values()),
        )


class OfFirstFields(OfLines):
    """A line has a second field; one without it is taken all the same."""

    def text(self, line: str) -> str:
        return line.partition(",")[0]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    (tmp_path / "lines").mkdir()
    for split in ("train", "dev", "test"):
        for name in ("bad", "good"):
            text = f"a {name} film , of {split}\nnot {name} , really\n"
            (tmp_path / "lines" / f"{name}-{split}.txt").write_text(text)
    return tmp_path / "lines"


def test_where_any_line_is_a_row_none_is_broken(lines: Path) -> None:
    reports_a_broken_row(subject(OfLines, lines))
    with pytest.raises(CheckFailed) as failed:
        reports_a_broken_row(subject(OfFirstFields, lines))
    assert str(failed.value) == (
        "expected the 4 examples of train beside a broken row; came 6 examples"
    )


class Touching(OfLines):
    """Loading leaves a file behind."""

    def load(self, split: str, folder: Any, *, with_labels: bool = True) -> Examples:
        examples = super().load(split, folder, with_labels=with_labels)
        (folder / "cache").write_text("")
        return examples


def test_what_loading_leaves_behind_is_named(lines: Path) -> None:
    leaves_the_folder_alone(subject(OfLines, lines))
    with pytest.raises(CheckFailed, match=r"expected the files of the folder as they were"):
        leaves_the_folder_alone(subject(Touching, lines))


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"a,b\n", True), (b"", False), (b"a\0b", False), (b"PAR1x", False), (b"\x1f\x8bx", False)],
)
def test_which_files_can_have_a_row_appended(tmp_path: Path, content: bytes, text: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert _is_text(tmp_path / "file") is text


@pytest.mark.parametrize("content", ["a,b\n", "a,b"])
def test_a_row_is_appended_as_a_line_of_its_own(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)
    _append(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "a,b\nbroken\n"
