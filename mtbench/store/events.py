"""Events: what a line of the history of a run holds."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, TypeAdapter

from mtbench.store.fields import Fields
from mtbench.system.files import parse_object


class _Noted(Fields):
    seconds: float = 0


class _Phase(_Noted):
    event: Literal["phase"]
    phase: str


class _Step(_Noted):
    event: Literal["step"]
    step: PositiveInt
    total: PositiveInt


class _Evaluation(_Noted):
    event: Literal["evaluation"]
    step: int


_EVENT: TypeAdapter[Any] = TypeAdapter(
    Annotated[_Phase | _Step | _Evaluation, Field(discriminator="event")]
)


def parse_event(line: bytes) -> dict[str, Any]:
    """Return the event that a line of the history holds.

    Raises:
        ValueError: if it holds none that a run writes.
    """
    event = parse_object(line)
    _EVENT.validate_python(event)
    return event
