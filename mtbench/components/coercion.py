"""Coercion: what NumPy made as Python has it, and what nobody can have meant as a number."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from numbers import Number
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

Place = tuple[Any, ...]
"""Keys and indices that lead to a value in what was written."""

NUMBERS = frozenset({"int_type", "float_type", "complex_type", "decimal_type", "time_delta_type"})
"""What pydantic's strict mode calls a boolean where a number belongs."""


def plain(value: Any) -> Any:
    """Return a value with what NumPy made in it as Python has it, so that both are written alike.

    Containers are entered: dicts, lists and tuples; an array is a list.
    """
    numpy = sys.modules.get("numpy")  # what is not imported has made nothing
    if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {_plain_key(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def _plain_key(key: Any) -> Any:
    return key if isinstance(key, tuple) else plain(key)  # a list could be none


def misread(model: type[BaseModel], written: Mapping[str, Any], made: Any) -> dict[Place, str]:
    """Return what is wrong with values that pydantic takes for numbers, by their places.

    A boolean is wrong wherever it becomes a number; NaN and infinity are unless the field, or the
    configuration of its model, says ``allow_inf_nan``, or the field may hold anything.

    Args:
        made: of it by the model; None where it does not fit.
    """
    wrong = dict(_strictly(model, written)) if _has_boolean(written) else {}
    return wrong | dict(_compared(written, made, allows=lambda: True, place=()))


def place_of(written: Any, location: Place) -> Place:
    """Return the place of a fault, without the names that pydantic gives to parts of a type."""
    place: Place = ()
    value = written
    for part in location:
        try:
            value = value[part]
        except (LookupError, TypeError):
            continue
        place = (*place, part)
    return location if isinstance(value, Mapping | list | tuple) else place


def _strictly(model: type[BaseModel], written: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield the booleans that pydantic's strict mode refuses as numbers.

    It is asked about JSON, in which a list may be a tuple, and a text a path, in that mode too.
    """

    def plain(value: Any) -> Any:
        return bool(value) if _is_boolean(value) else str(value)

    text = json.dumps(written, default=plain, skipkeys=True)
    try:
        model.model_validate_json(text, strict=True)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            if fault["type"] in NUMBERS and isinstance(fault["input"], bool):
                yield place_of(written, fault["loc"]), _no_number(fault["input"])


def _compared(
    written: Any, made: Any, *, allows: Callable[[], bool], place: Place
) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with numbers, told from what was written for them.

    That finds what strict mode passes: a boolean in a ``Literal`` or an ``Enum`` of numbers, or
    one that a validator puts into a list.

    Args:
        allows: tells whether NaN and infinity are right here; a plan of many cells has no time
            to look at the field of each number.
    """
    if _is_boolean(written):
        parts = made if isinstance(made, list | tuple | Set) else [made]
        if any(_is_equal_number(part, written) for part in parts):
            yield place, _no_number(written)
    elif isinstance(made, float):
        if not math.isfinite(made) and not allows():
            yield place, f"input should be a finite number (given: {written!r})"
    else:
        for key, part, value, field in _members(written, made):
            by = allows if field is None else partial(_allows_infinity, type(made), field)
            yield from _compared(part, value, allows=by, place=(*place, key))


def _members(written: Any, made: Any) -> Iterator[tuple[Any, Any, Any, FieldInfo | None]]:
    """Yield the members of what was written: key, value, what it became, and the model's field."""
    if isinstance(written, Mapping):
        for key, value, field in _named(made):
            if key in written:
                yield key, written[key], value, field
    elif isinstance(written, list | tuple) and isinstance(made, list | tuple):
        for index, (part, value) in enumerate(zip(written, made, strict=False)):
            yield index, part, value, None


def _named(made: Any) -> Iterator[tuple[Any, Any, FieldInfo | None]]:
    """Yield what a table became: keys with their values, and the fields of a model."""
    if isinstance(made, BaseModel):
        for name, field in type(made).model_fields.items():
            yield name, getattr(made, name), field
            if field.validation_alias is not None:
                yield str(field.validation_alias), getattr(made, name), field
    elif isinstance(made, Mapping):
        for key, value in made.items():
            yield key, value, None
    elif is_dataclass(made):
        for member in fields(made):
            yield member.name, getattr(made, member.name), None


def _allows_infinity(model: type[BaseModel], field: FieldInfo) -> bool:
    parts = [*field.metadata, *_parts(field.annotation)]
    return bool(model.model_config.get("allow_inf_nan")) or any(
        part is Any or part is object or getattr(part, "allow_inf_nan", False) for part in parts
    )


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and all that it is made of, with what ``Annotated`` adds."""
    yield annotation
    yield from getattr(annotation, "metadata", ())
    for part in get_args(annotation):
        yield from _parts(part)


def _has_boolean(written: Any) -> bool:
    if isinstance(written, Mapping):
        return any(map(_has_boolean, written.values()))
    if isinstance(written, list | tuple | Set):
        return any(map(_has_boolean, written))
    return _is_boolean(written)


def _is_boolean(value: Any) -> bool:
    """Whether a value is a boolean, of Python or of NumPy (which 1.x calls ``bool_``)."""
    return type(value).__name__ in ("bool", "bool_")


def _is_equal_number(made: Any, written: Any) -> bool:
    value = made.value if isinstance(made, Enum) else made
    return isinstance(value, Number) and not _is_boolean(value) and bool(value == written)


def _no_number(written: Any) -> str:
    return f"a boolean is no number (given: {bool(written)})"
