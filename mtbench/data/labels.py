"""Labels: the column of a table that holds them, and how the text in it is read."""

import math
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mtbench.errors import nearest

BOOLEANS = {"false": 0.0, "true": 1.0}
"""What a boolean is as one of two classes; pandas, say, writes it with a capital letter."""


@dataclass(frozen=True)
class Label:
    """The column of the labels, and how one is read.

    Attributes:
        column: its name in the header.
        parse: from the field's text to the label; raises ``ValueError`` with the reason.
        required: whether a file without the column is an error; otherwise it has no labels.
    """

    column: str
    parse: Callable[[str], float]
    required: bool = True


def class_label(column: str, classes: int, *, required: bool = True) -> Label:
    """Return the label of a classification: 0 .. classes - 1, written ``3`` or ``3.0``.

    Of two classes, ``false`` is 0 and ``true`` is 1, in letters of either case.
    """

    def parse(text: str) -> float:
        if classes == 2 and (boolean := text.strip().lower()) in BOOLEANS:
            return BOOLEANS[boolean]
        value = _number(column, text)
        if value not in range(classes):
            raise ValueError(
                f"its {column!r} is {reprlib.repr(text)}, no class from 0 to {classes - 1}"
            )
        return value

    return Label(column, parse, required)


def named_label(column: str, names: Sequence[str], *, required: bool = True) -> Label:
    """Return the label of a classification that is written by name: its place among the names.

    Names that are numbers are compared as numbers, so that ``3.0`` is the class ``3``, and
    those that are booleans without their case, so that ``True`` is the class ``true``.

    Raises:
        ValueError: if two names are one class.
    """
    places: dict[str | float, float] = {}
    for place, name in enumerate(names):
        if (first := places.setdefault(_spelling(name), float(place))) != place:
            raise ValueError(f"{names[int(first)]!r} and {name!r} are one class")

    def parse(text: str) -> float:
        place = places.get(_spelling(text))
        if place is None:
            guess = nearest(text, names)
            raise ValueError(
                f"its {column!r} is {reprlib.repr(text)}, none of the {len(names)} classes"
                + (f"; did you mean {guess!r}?" if guess else "")
            )
        return place

    return Label(column, parse, required)


def score_label(column: str, low: float, high: float, *, required: bool = True) -> Label:
    """Return the label of a regression: a number from ``low`` to ``high``, both included."""

    def parse(text: str) -> float:
        value = _number(column, text)
        if not low <= value <= high:
            raise ValueError(
                f"its {column!r} is {reprlib.repr(text)}, not from {low:g} to {high:g}"
            )
        return value

    return Label(column, parse, required)


def _number(column: str, text: str) -> float:
    """Read a finite number; ``ValueError`` says what else it is."""
    try:
        value = _float(text)
    except ValueError:
        raise ValueError(f"its {column!r} is {reprlib.repr(text)}, not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"its {column!r} is {reprlib.repr(text)}, not a finite number")
    return value


def _float(text: str) -> float:
    """Read a number as data files write it; Python's own ``1_000`` and ``\u0663`` are none."""
    if "_" in text or not text.strip().isascii():
        raise ValueError
    return float(text)


def _spelling(name: str) -> str | float:
    """Return what two spellings of one class have in common."""
    try:
        value = _float(name)
    except ValueError:
        return name.lower() if name.lower() in BOOLEANS else name
    return value if math.isfinite(value) else name
