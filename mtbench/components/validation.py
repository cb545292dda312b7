"""From pydantic's errors to one line that a user can act on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from mtbench.components.coercion import Place, misread, place_of, plain
from mtbench.errors import Incomplete, UsageError, nearest
from mtbench.system.bounds import check_value

Model = TypeVar("Model", bound=BaseModel)

PATH = f" for {Path}"
"""Ends what pydantic says of a path, and says nothing to a user."""


def within_bounds(given: Any) -> Any:
    """Return what a script gives as plain Python; what is too large or too deep is no value.

    Raises:
        ValueError: if it is, so that pydantic tells its place.
    """
    try:
        check_value(given)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return plain(given)


Plain = BeforeValidator(within_bounds)
"""Of a value that a script gives."""

Count = Annotated[int, Plain, Strict(), Field(ge=1)]
"""A number of seeds, of runs."""


class Checked(BaseModel):
    """A model that people make themselves, too: its constructor refuses what ``validate`` does."""

    @model_validator(mode="wrap")
    @classmethod
    def _numbers_are_meant(
        cls, given: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if info.mode == "python":
            check_value(given)
        made = handler(given)
        wrong = misread(cls, given, made) if info.mode == "python" else {}
        if wrong:
            raise ValueError("; ".join(_told(wrong)))
        return made


def validate(model: type[Model], given: Mapping[str, Any], *, where: str) -> Model:
    """Return the model made of what was given.

    No field takes a boolean for a number, whatever model of a plugin it is in, nor NaN or infinity
    unless it says ``allow_inf_nan``.

    Args:
        where: the place it was given, such as ``"[base] heads.sts"``; it opens the message.

    Raises:
        UsageError: with every fault in one line; an unknown name comes with the nearest one.
            It is an ``Incomplete`` where all of them are that something is missing.
    """
    made: Model | None = None
    faults: list[Any] = []
    try:
        check_value(given)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    try:
        made = model.model_validate(given)
    except ValidationError as error:
        faults = list(error.errors(include_url=False))
    wrong = misread(model, given, made)
    told = _told(wrong)
    for fault in faults:
        place = place_of(given, fault["loc"])
        if not any(misread_at[: len(place)] == place for misread_at in wrong):  # of which it comes
            told.append(_fault(model, fault))
    if made is not None and not told:
        return made
    message = f"{where}: {'; '.join(told)}"
    if not wrong and all(fault["type"] == "missing" for fault in faults):
        raise Incomplete(message, missing=[".".join(map(str, fault["loc"])) for fault in faults])
    raise UsageError(message)


@contextmanager
def in_one_line(model: type[BaseModel] = BaseModel, *, where: str = "") -> Iterator[None]:
    """Have all that pydantic finds wrong in here raised as one ``UsageError`` of one line.

    Args:
        model: what is made here, whose names an unknown one is held against.
        where: as for ``validate``; empty for nothing.
    """
    try:
        yield
    except ValidationError as error:
        told = "; ".join(_fault(model, fault) for fault in error.errors(include_url=False))
        raise UsageError(f"{where}: {told}" if where else told) from None


def convert(kind: Any, given: Any, *, where: str) -> Any:
    """Return what was given to an argument, as a type has it.

    Args:
        where: the argument's name, which opens the message.

    Raises:
        UsageError: if it does not fit.
    """
    with in_one_line(where=where):
        return TypeAdapter(kind).validate_python(given)


def _told(wrong: Mapping[Place, str]) -> list[str]:
    return [f"{'.'.join(map(str, place))}: {why}" for place, why in wrong.items()]


def _fault(model: type[BaseModel], fault: Any) -> str:
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = sorted(_fields(model, fault["loc"][:-1]))
        guess = nearest(str(fault["loc"][-1]), known)
        return (
            f"unknown key {path!r}"
            + (f"; did you mean {guess!r}?" if guess else "")
            + (f" (known: {', '.join(known)})" if known else " (it takes no parameters)")
        )
    if fault["type"] == "missing":
        return f"{path!r} is missing"
    message = str(fault["msg"]).removeprefix("Value error, ").removesuffix(PATH)
    given = "" if fault["type"] == "value_error" else f" (given: {_shown(fault['input'])})"
    return (f"{path}: " if path else "") + message[0].lower() + message[1:] + given


def _shown(given: Any) -> str:
    return " ".join(repr(given).split())  # what a script gives may be of several lines


def _fields(model: type[BaseModel], path: tuple[Any, ...]) -> set[str]:
    """Return the names that are known where a path leads, through nested models."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = [] if field is None else _models(field.annotation)
        if not inner:
            continue  # an index into a list or a member of a union: the model stays the same
        model = inner[0]
    return {field.alias or name for name, field in model.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation mentions: itself, or members of a list or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
