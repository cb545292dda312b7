"""Table: anyone's own file as a task that classifies or scores texts or pairs of texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mtbench.api import (
    Examples,
    Label,
    Part,
    Split,
    TaskInfo,
    class_label,
    named_label,
    read_table,
    score_label,
    unknown,
)
from mtbench_builtins.tasks.splitting import split_of

if TYPE_CHECKING:
    from mtbench_builtins.tasks.table_parameters import TableParameters

FORMS: dict[str, Literal["delimited", "jsonl", "parquet"]] = {
    "csv": "delimited",
    "tsv": "delimited",
    "jsonl": "jsonl",
    "parquet": "parquet",
}

SPELLINGS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "dev": ("dev", "validation", "valid", "val"),
    "test": ("test",),
}
"""How a split is called in the name of a file or in a column; the first is what we call it."""


class Table:
    """The task of a file that its parameters describe."""

    def __init__(self, parameters: TableParameters) -> None:
        self.parameters = parameters
        self._info = _info(parameters)

    def describe(self) -> TaskInfo:
        return self._info

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        """Read the split's rows; the data folder is not looked at, ``path`` says where they are.

        Raises:
            UsageError: if the file or a column is not there, or the file cannot be read.
        """
        del folder
        given = self.parameters
        return read_table(
            self._file(split),
            id_column=given.id,
            text_columns=given.text,
            label=self._label(required=split != "test") if with_labels else None,
            form=FORMS[given.form],
            delimiter=given.delimiter or ("\t" if given.form == "tsv" else ","),
            quoting=given.quoting,
            strict_quotes=True,
            part=self._part(split),
        )

    def _file(self, split: Split) -> Path:
        """Return the split's file; where none is there, the one whose absence is told."""
        paths = [Path(self.parameters.path.replace("{split}", name)) for name in SPELLINGS[split]]
        return next((path for path in paths if path.is_file()), paths[0])

    def _label(self, *, required: bool) -> Label:
        given = self.parameters
        if given.range is not None:
            return score_label(given.target, *given.range, required=required)
        if isinstance(given.classes, tuple):
            return named_label(given.target, given.classes, required=required)
        assert given.classes is not None  # its parameters make sure of one of the two
        return class_label(given.target, given.classes, required=required)

    def _part(self, split: Split) -> Part | None:
        """Return which rows are the split's, where one file holds all."""
        given = self.parameters
        if "{split}" in given.path:
            return None
        if given.split is not None:
            return Part(split, (given.split,), partial(_named_split, given.split))
        dev, test = given.shares()
        return Part(split, given.text, partial(split_of, dev=dev, test=test))


def _info(given: TableParameters) -> TaskInfo:
    names = given.classes if isinstance(given.classes, tuple) else ()
    classes = len(given.classes) if isinstance(given.classes, tuple) else given.classes
    return TaskInfo(
        sentences=2 if len(given.text) == 2 else 1,
        loss=(
            "squared-error"
            if given.range
            else "binary-cross-entropy"
            if classes == 2
            else "cross-entropy"
        ),
        metrics=given.metrics(),
        classes=classes,
        score_range=given.range,
        class_names=names,
    )


def _named_split(column: str, fields: Sequence[str]) -> Split:
    """Return the split that a row names."""
    (name,) = fields
    for split, spellings in SPELLINGS.items():
        if name.lower() in spellings:
            return split
    raise ValueError(
        str(unknown(column, name, [n for names in SPELLINGS.values() for n in names]))
    )
