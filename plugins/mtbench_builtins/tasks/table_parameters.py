"""Parameters of ``table``: where its rows are, what they hold, who splits them (pydantic)."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from mtbench.api import Parameters, named_label, unknown

Form = Literal["csv", "tsv", "jsonl", "parquet"]
SUFFIXES: dict[str, Form] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
OF_CLASSES = ("accuracy", "macro_f1")
OF_SCORES = ("pearson", "spearman")
SPLIT = "{split}"
SHARE = 0.1
"""Of dev, and of test, where nothing tells the split."""


MOST_CLASSES = 100_000
"""More are a slip: a head has an output a class."""


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _classes(value: Any) -> int | tuple[str, ...]:
    """Return how many classes there are, or their names; ``ValueError`` where it is neither."""
    classes: int | tuple[str, ...]
    if isinstance(value, Sequence) and not isinstance(value, str):
        classes = tuple(map(_name, value))
        named_label("", classes)  # refuses two spellings of one class
        number = len(classes)
    elif isinstance(value, int) and not isinstance(value, bool):
        classes = number = value
    else:
        raise ValueError(f"how many, or a list of their names; given: {value!r}")
    if number < 2:
        raise ValueError(f"two or more, of different names; given: {value!r}")
    if number > MOST_CLASSES:
        raise ValueError(f"at most {MOST_CLASSES}; given: {number}")
    return classes


def _name(value: Any) -> str:
    """Have a class name that TOML reads as a number or a boolean be a name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError(f"a name is a text, a number or a boolean, and not {value!r}")
    return value


Name = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Texts = Annotated[
    tuple[Name, ...],
    BeforeValidator(_several),
    Field(min_length=1, max_length=2),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "minItems": 1,
                    "maxItems": 2,
                },
            ]
        }
    ),
]
Classes = Annotated[
    int | tuple[Name, ...],
    BeforeValidator(_classes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 2},
                {
                    "type": "array",
                    "items": {
                        "anyOf": [
                            {"type": "string", "minLength": 1},
                            {"type": "number"},
                            {"type": "boolean"},
                        ]
                    },
                    "minItems": 2,
                },
            ]
        }
    ),
]


class TableParameters(Parameters):
    """What ``table`` must be told.

    Attributes:
        path: the file; with ``{split}`` in it, a file for each split.
        text: the column of the sentence, or the two columns of a pair.
        target: the column of the labels; a test file may lack it.
        classes: how many classes, written 0, 1, ... (two also false, true); or their names, in
            order.
        range: lowest and highest score, where the target is a score.
        metric: the primary one; None for accuracy, or pearson of a score.
        id: column of unique ids; None to make them from the texts.
        split: column that tells the split, where one file holds all.
        dev: share of dev where nothing tells the split: a tenth.
        test: share of test there: a tenth.
        format: of the file; None to tell it from the file's name.
        delimiter: the character between two fields; None for a comma, in tsv a tab.
        quoting: whether fields of csv and tsv may be quoted.
    """

    path: Name
    text: Texts
    target: Name
    classes: Classes | None = None
    range: tuple[float, float] | None = None
    metric: str | None = None
    id: Name | None = None
    split: Name | None = None
    dev: Share | None = None
    test: Share | None = None
    format: Form | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quoting: bool = True

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if (self.classes is None) == (self.range is None):
            given = "both are" if self.range else "neither is"
            raise ValueError(
                f"one of 'classes' and 'range' says what the target is; {given} given"
            )
        if self.range and not self.range[0] < self.range[1]:
            raise ValueError(f"range: the lower end comes first; given: {list(self.range)}")
        if self.metric is not None and self.metric not in self.metrics():
            kind = "metric of a score" if self.range else "metric of classes"
            raise ValueError(str(unknown(kind, self.metric, self.metrics())))
        return self

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        columns = [*self.text, self.target, self.id, self.split]
        twice = {name for name in columns if name is not None and columns.count(name) > 1}
        if twice:
            raise ValueError(f"the column {min(twice)!r} is given for two things")
        return self

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        if SPLIT in self.path and (self.split or self.shares_given):
            raise ValueError(
                f"{SPLIT} in the path tells the split; 'split', 'dev' and 'test' cannot"
            )
        if self.split and self.shares_given:
            raise ValueError("the column 'split' tells the split; 'dev' and 'test' cannot")
        dev, test = self.shares()
        if dev == 0 or dev + test >= 1:
            raise ValueError(f"no share is left for train, or none is for dev: {dev=}, {test=}")
        return self

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if self.format is None and self.suffix not in SUFFIXES:
            known = ", ".join(SUFFIXES)
            raise ValueError(
                f"path: {self.path!r} does not tell the format (known: {known}); "
                "name it with 'format'"
            )
        if self.form in ("jsonl", "parquet") and (self.delimiter or not self.quoting):
            raise ValueError(f"'delimiter' and 'quoting' say nothing of {self.form}")
        return self

    @property
    def shares_given(self) -> bool:
        """Whether a share of dev or of test is named."""
        return self.dev is not None or self.test is not None

    @property
    def suffix(self) -> str:
        """The end of the path that tells its form, ``.gz`` aside."""
        return PurePath(self.path.removesuffix(".gz")).suffix.lower()

    @property
    def form(self) -> Form:
        """The format of the file."""
        return self.format or SUFFIXES[self.suffix]

    def shares(self) -> tuple[float, float]:
        """Return the shares of dev and of test where nothing tells the split."""
        return SHARE if self.dev is None else self.dev, SHARE if self.test is None else self.test

    def metrics(self) -> tuple[str, ...]:
        """Return the metrics of the target, the primary one first."""
        known = OF_SCORES if self.range else OF_CLASSES
        return tuple(sorted(known, key=lambda name: name != self.metric))
