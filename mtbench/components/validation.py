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
from mtbench.errors import SEVERAL, Incomplete, UsageError, nearest
from mtbench.system.bounds import check_value

Model = TypeVar("Model", bound=BaseModel)

WRITTEN = {"list_type": ", written [A, B]", "dict_type": ", written { KEY = VALUE }"}
"""How TOML writes what is missing, by pydantic's name of the fault."""

PARSED = ("int_parsing", "float_parsing")
"""Faults of texts in place of a number."""


BY_VALIDATE: Mapping[str, Any] = {}
"""The context of a validation in ``validate``, which looks at the values itself."""
PATH = f" for {Path}"
"""Ends what pydantic says of a path, and says nothing to a user."""


def within_bounds(value: Any) -> Any:
    """Return what a script gives as plain Python; what is too large or too deep is no value.

    Raises:
        ValueError: if it is, so that pydantic tells its place.
    """
    try:
        check_value(value)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return plain(value)


Plain = BeforeValidator(within_bounds)
"""Of a value that a script gives."""

Count = Annotated[int, Plain, Strict(), Field(ge=1)]
"""A number of seeds, of runs."""

CountOrZero = Annotated[int, Plain, Strict(), Field(ge=0)]
"""A number of what there may be none of."""

Flag = Annotated[bool, Plain, Strict()]
"""Whether something is to be done: no text is taken for true."""


class Checked(BaseModel):
    """A model that people make themselves, too: its constructor refuses what ``validate`` does."""

    @model_validator(mode="wrap")
    @classmethod
    def _numbers_are_meant(
        cls, written: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if info.mode != "python" or info.context is BY_VALIDATE:
            return handler(written)
        check_value(written)
        made = handler(written)
        if wrong := misread(cls, written, made):
            raise ValueError("; ".join(_told(wrong)))
        return made


def validate(model: type[Model], written: Mapping[str, Any], *, where: str) -> Model:
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
        check_value(written)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    try:
        made = model.model_validate(written, context=BY_VALIDATE)
    except ValidationError as error:
        faults = list(error.errors(include_url=False))
    wrong = misread(model, written, made)
    messages = _told(wrong)
    for fault in faults:
        place = place_of(written, fault["loc"])
        if not any(misread_at[: len(place)] == place for misread_at in wrong):  # of which it comes
            messages.append(_fault(model, fault, WRITTEN))
    if made is not None and not messages:
        return made
    message = f"{where}: {'; '.join(messages)}"
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
        faults = "; ".join(_fault(model, fault) for fault in error.errors(include_url=False))
        raise UsageError(f"{where}: {faults}" if where else faults) from None


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


def _fault(model: type[BaseModel], fault: Any, hints: Mapping[str, str] = {}) -> str:
    """Return a fault as a user reads it.

    Args:
        hints: what is said besides, by pydantic's name of the fault.
    """
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        names = sorted(_fields(model, fault["loc"][:-1]))
        guess = nearest(str(fault["loc"][-1]), names)
        return (
            f"unknown key {path!r}"
            + (f"; did you mean {guess!r}?" if guess else "")
            + (f" (known: {', '.join(names)})" if names else " (it takes no parameters)")
        )
    if fault["type"] == "missing":
        return f"{path!r} is missing"
    message = str(fault["msg"]).removeprefix("Value error, ").removesuffix(PATH)
    message += hints.get(fault["type"], "")
    value = ""
    if fault["type"] != "value_error":  # which has its own say of what was given
        written = " ".join(repr(fault["input"]).split())  # a script's may be of several lines
        value = f" (given: {written})"
    if fault["type"] in PARSED and "," in fault["input"]:
        value += SEVERAL
    return (f"{path}: " if path else "") + message[0].lower() + message[1:] + value


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
