"""Records: the files of a run, and the fields of them that are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

from mtbench.errors import UsageError
from mtbench.store.owners import OWNER
from mtbench.system.files import parse_object

State = Literal["done", "failed", "running", "missing", "damaged"]

RESULT = "result.json"
REQUEST = "run.json"
HISTORY = "history.jsonl"
LOG = "log.txt"
PREDICTIONS = "predictions.npz"
CHECKPOINT = "checkpoint.safetensors"
LOCK = "lock"

DAMAGE = "damage.json"
"""What a reader found to be wrong with a large file, which is not read each time."""

FILES = (RESULT, REQUEST, HISTORY, LOG, PREDICTIONS, CHECKPOINT, LOCK, OWNER, DAMAGE)
"""All files of a run's folder."""

SEALED = (REQUEST, PREDICTIONS, CHECKPOINT)
"""Files of which the result of a run holds size and digest."""


class Damaged(UsageError):
    """What is stored of a run is not what was written.

    Attributes:
        reason: which file it is, and what is wrong with it.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"run {key[:12]} is damaged: {reason}; 'mtbench ablate' trains it anew")
        self.reason = reason


class _Fields(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Config(_Fields):
    tasks: dict[str, dict[str, Any]]
    data: dict[str, Any]


class _Identity(_Fields):
    numerics: int
    data: dict[str, dict[str, str]]
    weights: str | None
    code: dict[str, str]


class _Request(_Fields):
    """The fields of ``run.json`` that are read."""

    matrix: str
    key: str
    cell: str
    seed: int
    device: str
    config: _Config
    identity: _Identity
    plugins: list[str]
    blocked: list[str]
    providers: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, Any]


class _Sealed(_Fields):
    bytes: int
    sha256: str


class _Result(_Fields):
    """The fields of ``result.json`` by which a run with scores is held against its files."""

    ended: AwareDatetime = Field(strict=False)
    overall: float | None = None
    files: dict[str, _Sealed]


class _Train(_Fields):
    batch_size: PositiveInt | dict[str, PositiveInt]
    epochs: PositiveFloat | None = None
    evaluations: PositiveInt = 1


class _Costly(_Fields):
    train: _Train
    tasks: dict[str, dict[str, Any]] = {}
    encoder: dict[str, Any] = {}
    balancer: dict[str, Any] = {}
    combiner: dict[str, Any] = {}
    data: dict[str, Any] = {}


class _Timed(_Fields):
    config: _Costly
    data: dict[str, dict[str, str]] = {}


class _Seconds(_Fields):
    run_s: float
    run_steps: PositiveInt
    loading_s: float
    evaluation_s: float


class _Timing(_Fields):
    """The fields of the file of a timing that are read."""

    cell: str
    identity: _Timed
    machine: dict[str, Any]
    device: dict[str, str]
    timing: _Seconds


class _Noted(_Fields):
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


@dataclass(frozen=True)
class Record:
    """What is known of a run.

    Attributes:
        damage: what is wrong with it; empty where nothing is.
        asked: the content of ``run.json``; None where it is not there, or damaged.
        result: what ``result.json`` holds; None where the run has not ended, or is damaged.
    """

    state: State
    damage: str = ""
    asked: bytes | None = None
    result: Mapping[str, Any] | None = None

    @cached_property
    def request(self) -> Mapping[str, Any] | None:
        """What ``run.json`` holds; None where it is not there, or damaged."""
        return None if self.asked is None else parse_object(self.asked)


def check_request(request: Mapping[str, Any]) -> None:
    """Make sure that ``run.json`` has its fields.

    Raises:
        ValueError: naming the first that is missing or of another type.
    """
    _check(_Request, request, REQUEST)


def check_result(result: Mapping[str, Any]) -> None:
    """Make sure that the ``result.json`` of a run with scores says what it is sealed with.

    Raises:
        ValueError: naming the first field that is missing or of another type.
    """
    _check(_Result, result, RESULT)


def check_timing(timing: Mapping[str, Any]) -> None:
    """Make sure that the file of a timing has its fields.

    Raises:
        ValueError: naming the first that is missing or of another type.
    """
    _check(_Timing, timing, "timing")


def parse_event(line: bytes) -> dict[str, Any]:
    """Return the event that a line of the history holds.

    Raises:
        ValueError: if it holds none that a run writes.
    """
    event = parse_object(line)
    _EVENT.validate_python(event)
    return event


def _check(fields: type[_Fields], value: Mapping[str, Any], name: str) -> None:
    try:
        fields.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in fault["loc"])
        raise ValueError(f"{name}: {path}: {fault['msg'].lower()}") from None
