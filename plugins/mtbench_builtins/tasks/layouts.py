"""Layouts of tables: how the files of a public data set are read as a task's examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mtbench.api import (
    Examples,
    Layout,
    Part,
    Split,
    TaskInfo,
    class_label,
    read_table,
    score_label,
)
from mtbench_builtins.tasks.cs224n import FileTask

SPLITS: tuple[Split, ...] = ("train", "dev", "test")


def files(
    folders: Sequence[str], *, train: str, dev: str, test: str | None = None
) -> dict[Split, tuple[str, ...]]:
    """Return where the files of the splits may lie: under each of the folders, in this order."""
    names = {"train": train, "dev": dev, "test": test}
    return {
        split: tuple(f"{folder}/{names[split]}".removeprefix("./") for folder in folders)
        for split in SPLITS
        if names[split] is not None
    }


def cs224n(task: FileTask, *, fits: Callable[[Path], bool] | None = None) -> Layout:
    """Return the layout of the CS224N default project, which the task reads itself."""

    def read(path: Path, split: Split, *, with_labels: bool) -> Examples:
        return task.load(split, path.parent, with_labels=with_labels)

    names: dict[Split, tuple[str, ...]] = {
        split: (f"{task.stem}-{split}.csv",) for split in SPLITS
    }
    names["test"] = (f"{task.stem}-test-student.csv", *names["test"])
    sizes = task.info.published_sizes
    if fits is None:
        return Layout(name="CS224N", files=names, read=read, sizes=sizes)
    return Layout(name="CS224N", files=names, read=read, sizes=sizes, fits=fits)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Reads a split of a public data set.

    Attributes:
        info: of the task.
        texts: columns of its sentences.
        target: column of its labels.
        id: column that tells the rows of a split apart; an id gets the split's name in front,
            because files count from 0. None where ids are made from the texts.
        test_labels: whether the test split has labels; a column of placeholders is none.
        form, quoting, header: of the file; see ``read_table``.
        split_of: which split texts belong to, where one file holds all.
    """

    info: TaskInfo
    texts: tuple[str, ...]
    target: str
    id: str | None = None
    test_labels: bool = True
    form: Literal["delimited", "jsonl", "parquet"] = "delimited"
    quoting: bool = True
    header: tuple[str, ...] | None = None
    split_of: Callable[[Sequence[str]], Split] | None = None

    def __call__(self, path: Path, split: Split, *, with_labels: bool) -> Examples:
        part = Part(split, self.texts, self.split_of) if self.split_of else None
        labelled = with_labels and (split != "test" or self.test_labels)
        make = score_label if self.info.score_range else class_label
        limits = self.info.score_range or (self.info.classes or 2,)
        examples = read_table(
            path,
            id_column=self.id,
            text_columns=self.texts,
            label=make(self.target, *limits, required=split != "test") if labelled else None,
            form=self.form,
            quoting=self.quoting,
            header=self.header,
            part=part,
        )
        if self.id is None:
            return examples
        return replace(examples, ids=tuple(f"{split}-{id_}" for id_ in examples.ids))


def first_line(path: Path) -> str:
    """Return the first line of a text file without its end; empty where it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return stream.readline().rstrip("\n")
    except OSError:
        return ""
