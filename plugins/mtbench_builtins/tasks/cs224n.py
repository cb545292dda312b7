"""Files of the CS224N default project (Stanford, 2023): the layout that its four tasks share."""

from pathlib import Path
from typing import ClassVar

from mtbench.api import (
    Examples,
    Label,
    NotAtHand,
    Split,
    TaskInfo,
    class_label,
    read_table,
    score_label,
)


class FileTask:
    """A task that lies in one tab-separated file a split; a subclass says which and what.

    Attributes:
        info: what the task is.
        stem: what its file names start with, such as ``"ids-sst"``.
        text_columns: the columns of its sentences.
        label_column: the column of its labels, which a test file may lack.
    """

    info: ClassVar[TaskInfo]
    stem: ClassVar[str]
    text_columns: ClassVar[tuple[str, ...]]
    label_column: ClassVar[str]

    def __init__(self, parameters: object = None) -> None:
        """Make the task; it has no parameters."""

    def describe(self) -> TaskInfo:
        return self.info

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        """Read the split's file; see ``protocols.Task.load``."""
        if folder is None:
            raise NotAtHand(
                f"no data folder is named to read {self.stem}-*.csv from: give --data DIR, "
                "set data.dir in the matrix, or set MTBENCH_DATA (sample-sst, sample-pd and "
                "sample-sts need none)"
            )
        return read_table(
            self._path(split, folder),
            id_column="id",
            text_columns=self.text_columns,
            label=self._label(required=split != "test") if with_labels else None,
        )

    def _path(self, split: Split, folder: Path) -> Path:
        """Return the split's file: for test the students', unless only the full one is there."""
        if split != "test":
            return folder / f"{self.stem}-{split}.csv"
        student, full = folder / f"{self.stem}-test-student.csv", folder / f"{self.stem}-test.csv"
        return full if full.is_file() and not student.exists() else student

    def _label(self, *, required: bool) -> Label:
        """Return how the labels are read."""
        if self.info.score_range:
            return score_label(self.label_column, *self.info.score_range, required=required)
        return class_label(self.label_column, self.info.classes or 2, required=required)
