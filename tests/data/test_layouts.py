from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mtbench.data.layouts import LaidOutTask, Layout
from mtbench.errors import UsageError
from mtbench.protocols import Examples, Split, TaskInfo


def read(path: Path, split: Split, *, with_labels: bool) -> Examples:
    """Read one example: the file's text, with the file's name as id."""
    labels = (1.0,) if with_labels else None
    return Examples(ids=(path.name,), texts=((path.read_text(),),), labels=labels)


def layout(name: str, **changes: Any) -> Layout:
    splits: tuple[Split, ...] = ("train", "dev", "test")
    files: Mapping[Split, tuple[str, ...]] = {split: (f"{name}-{split}",) for split in splits}
    return Layout(**{"name": name, "files": files, "read": read, **changes})


@dataclass(frozen=True)
class Plain:
    """A task that cannot be loaded by itself."""

    def describe(self) -> TaskInfo:
        return TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2)

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        raise UsageError(f"name a folder for {split}")


TASK = LaidOutTask(Plain(), (layout("one"), layout("two")))


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"text of {name}")


def test_the_task_is_described_as_before() -> None:
    assert TASK.describe() == Plain().describe()


def test_without_a_folder_the_task_itself_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match=r"^name a folder for dev$"):
        TASK.load("dev", None)


def test_the_first_layout_wins_where_both_are_there(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{name}-{split}" for name in ("one", "two") for split in ("train", "dev")))

    assert TASK.layout(tmp_path).name == "one"
    assert TASK.load("train", tmp_path) == read(tmp_path / "one-train", "train", with_labels=True)
    assert TASK.load("dev", tmp_path, with_labels=False).labels is None


def test_a_complete_layout_is_over_an_incomplete_one(tmp_path: Path) -> None:
    fill(tmp_path, "one-train", "one-test", "two-train", "two-dev")

    assert TASK.layout(tmp_path).name == "two"


def test_of_incomplete_ones_the_first_is_read(tmp_path: Path) -> None:
    fill(tmp_path, "two-dev")
    assert TASK.layout(tmp_path).name == "two"
    fill(tmp_path, "one-dev")
    assert TASK.layout(tmp_path).name == "one"


def test_a_test_file_alone_is_a_layout_too(tmp_path: Path) -> None:
    fill(tmp_path, "two-test")

    assert TASK.layout(tmp_path).name == "two"


def test_a_file_may_lie_in_several_places(tmp_path: Path) -> None:
    files: Mapping[Split, tuple[str, ...]] = {"train": ("a/x", "b/x"), "dev": ("a/y", "b/y")}
    task = LaidOutTask(Plain(), [layout("one", files=files)])
    fill(tmp_path, "b/x", "a/y", "b/y")

    assert task.load("train", tmp_path).texts == (("text of b/x",),)
    assert task.load("dev", tmp_path).texts == (("text of a/y",),)
    with pytest.raises(UsageError, match=r"^the layout one \(.*\) has no test split$"):
        task.load("test", tmp_path)


def test_files_of_one_name_are_told_apart_by_their_content(tmp_path: Path) -> None:
    def of_two(path: Path) -> bool:
        return path.read_text().startswith("text of")

    files = layout("one").files
    first = layout("one", fits=lambda path: not of_two(path))
    task = LaidOutTask(Plain(), [first, layout("two", files=files, fits=of_two)])

    fill(tmp_path, "one-train", "one-dev")
    assert task.layout(tmp_path).name == "two"
    (tmp_path / "one-train").write_text("?")
    (tmp_path / "one-dev").write_text("?")
    assert task.layout(tmp_path).name == "one"


def test_where_none_is_there_all_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        TASK.load("train", tmp_path)

    assert str(error.value) == (
        f"no known files in {tmp_path} (looked for one: one-train, one-dev, one-test; "
        "two: two-train, two-dev, two-test)"
    )


def test_a_file_with_a_near_name_is_pointed_at(tmp_path: Path) -> None:
    fill(tmp_path, "two-trian")

    with pytest.raises(UsageError, match=", though 'two-trian' is there"):
        TASK.load("train", tmp_path)


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere, which is no folder, was to hold one of these"):
        TASK.load("train", tmp_path / "nowhere")
