"""The configuration of a cell as it is written: its sections, and one layer over another."""

from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mtbench.errors import UsageError, unknown
from mtbench.matrix.learning_rate import Decay
from mtbench.parameters import Rate
from mtbench.system.bounds import DEEPEST, TOO_DEEP

Config = dict[str, Any]

SLOTS = ("encoder", "balancer", "combiner")
DEFAULTS: Mapping[str, Config] = {
    "encoder": {"name": "tiny"},
    "balancer": {"name": "cycle"},
    "combiner": {"name": "sum"},
}
DEFAULT_HEAD: Config = {"name": "linear"}

Positive = Annotated[int, Field(gt=0)]
Precision = Literal["float32", "bfloat16"]


class Mark(Enum):
    """What is said of a setting where it is declared, for the keys and the durations of runs."""

    KEYLESS = "it is in no run's key: it moves no number, or another part of the key has it"
    LATER = "its default is in no run's key: runs were stored before it came"
    CHEAP = "it hardly changes what a run costs"


class TrainConfig(BaseModel):
    """How a cell is trained.

    Attributes:
        lr: peak learning rate of AdamW.
        warmup: share of the steps in which the learning rate rises, linearly, to its peak.
        decay: what it does then: ``"none"``, or ``"linear"``, down to zero at the end.
        weight_decay: decoupled weight decay of AdamW.
        dropout: rate of the heads that name none of their own.
        batch_size: examples a task in a full batch; one number, or one a task.
        micro_batch_size: largest number of a task's examples in one forward pass; gradients
            are accumulated over a task's micro-batches before tasks are combined.
        steps, epochs: the budget, exactly one of them; an epoch is what the balancer says.
        clip_norm: largest norm of the combined gradient, shared and head parameters together.
        evaluations: evaluations on dev, evenly spaced, the last one at the end; the best is kept.
        precision: of the forward passes: ``"float32"``, or ``"bfloat16"`` by torch's autocast;
            parameters, gradients, optimiser and losses are float32 in either case.
        threads: threads of one run; part of the configuration because it changes bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    lr: Annotated[float, Mark.CHEAP] = Field(1e-5, gt=0)
    warmup: Annotated[float, Mark.CHEAP] = Field(0.0, ge=0, lt=1)
    decay: Annotated[Decay, Mark.CHEAP] = "none"
    weight_decay: Annotated[float, Mark.CHEAP] = Field(0.0, ge=0)
    dropout: Annotated[Rate, Mark.KEYLESS] = 0.1  # resolved into the heads that name none
    batch_size: Positive | dict[str, Positive] = 8
    micro_batch_size: Positive | None = None
    steps: Positive | None = None
    epochs: Positive | None = None
    clip_norm: Annotated[float | None, Mark.CHEAP] = Field(None, gt=0)
    evaluations: Positive = 1
    precision: Precision = "float32"
    threads: Positive = 1

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("exactly one of train.steps and train.epochs must be set")
        return self


class DataConfig(BaseModel):
    """Which data a cell sees.

    Attributes:
        dir: folder of the data sets; where it lies changes no number.
        fraction: share of every training set, drawn with the run's seed.
        train_sample: training examples a task that are scored beside dev.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dir: Annotated[str | None, Mark.KEYLESS] = None
    fraction: float = Field(1.0, gt=0, le=1)
    train_sample: Positive = 500


SECTIONS: Mapping[str, type[BaseModel]] = {"train": TrainConfig, "data": DataConfig}


@cache
def marked(section: str, mark: Mark) -> Mapping[str, Any]:
    """Return the settings of a section that have a mark, each with its default."""
    fields = SECTIONS[section].model_fields
    return {name: field.default for name, field in fields.items() if mark in field.metadata}


def in_key(section: str, settings: Config) -> Config:
    """Return those of a section's settings that a run's key is made of."""
    outside, defaults = marked(section, Mark.KEYLESS), marked(section, Mark.LATER)
    return {
        name: value
        for name, value in settings.items()
        if name not in outside and (name not in defaults or value != defaults[name])
    }


BUDGETS = {"steps": "epochs", "epochs": "steps"}
"""Each of the two budgets, and the other that setting it removes."""

ROOTS = ("tasks", "heads", *SLOTS, *SECTIONS)

OF_MATRIX: Mapping[str, str] = {
    "title": "",
    "seeds": "--seeds N",
    "reference": "--reference CELL",
    "design": "",
    "base": "--set KEY=VALUE",
    "axes": "--axis KEY=V1,V2",
    "steps": "",
    "parts": "",
    "include": "",
    "exclude": "",
    "gate": "",
}
"""Keys of a matrix file that are none of a cell, and the options of the same meaning."""


def overlay(config: Config, changes: Mapping[str, Any]) -> Config:
    """Return a configuration with changes laid over it; the one given stays as it was.

    Args:
        config: components as tables with a ``name``.
        changes: from dotted keys (``"heads.sts.dropout"``, ``"train.lr"``) or whole sections to
            values, in any order: what is whole is laid before its parts. A component's name
            replaces the component and its parameters; a table without a name changes
            parameters; a key into a parameter that is a table (``"combiner.weights.sst"``)
            keeps what else is in it. Setting one of ``train.steps`` and ``train.epochs`` removes
            the other.

    Raises:
        UsageError: if a key leads nowhere, or into a list.
    """
    changed = {key.partition(".")[0] for key in changes}
    # What stays is shared: of thousands of cells most parts are the same.
    result = {key: _copy(value) if key in changed else value for key, value in config.items()}
    for key, value in sorted(changes.items(), key=lambda change: change[0].count(".")):
        if key.count(".") > DEEPEST:
            raise UsageError(TOO_DEEP)
        _set(result, key.split("."), _copy(value), key)
    if "train.steps" in changes and "train.epochs" in changes:
        raise UsageError("exactly one of train.steps and train.epochs must be set, not both")
    return result


def _copy(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    # Most of what a cell holds are no tables: they need no call.
    return {k: _copy(item) if isinstance(item, dict) else item for k, item in value.items()}


def _set(config: Config, path: list[str], value: Any, key: str) -> None:
    root, rest = path[0], path[1:]
    if root not in ROOTS:
        raise _nowhere(config, root, key)
    if root == "tasks":
        if rest:
            raise UsageError(f"{key}: tasks are set as one list")
        config["tasks"] = value
    elif root in SLOTS:
        config[root] = _component(config.get(root, DEFAULTS[root]), rest, value, key)
    elif root == "heads" and rest:
        heads = config.setdefault("heads", {})
        current = heads.get(rest[0], DEFAULT_HEAD)
        heads[rest[0]] = _component(current, rest[1:], value, key)
    elif rest:
        _set_in_table(config.setdefault(root, {}), rest, value, key)
        if root == "train" and rest[0] in BUDGETS:
            config[root].pop(BUDGETS[rest[0]], None)
    else:
        _set_each(config, root, value)


def _nowhere(config: Config, root: str, key: str) -> UsageError:
    """Say of a key that leads nowhere where it belongs, or what it may have been meant as."""
    if root != key:
        return unknown("key", root, ROOTS, where=key)
    meant = sorted({long for long in _dotted(config) if long.rpartition(".")[2] == key})
    if meant:
        return UsageError(f"unknown key {key!r}; did you mean {' or '.join(map(repr, meant))}?")
    if key in OF_MATRIX:
        option = f" ({OF_MATRIX[key]} on the command line)" if OF_MATRIX[key] else ""
        return UsageError(
            f"{key!r} is no key of a cell: it stands at the top of a matrix file{option}"
        )
    return unknown("key", key, ROOTS)


def _dotted(config: Config) -> Iterator[str]:
    """Yield the keys of all settings, and of the parameters that components are given."""
    for name, section in SECTIONS.items():
        yield from (f"{name}.{field}" for field in section.model_fields)
    components = {slot: config.get(slot) for slot in SLOTS}
    components |= {f"heads.{task}": head for task, head in config.get("heads", {}).items()}
    for place, component in components.items():
        if isinstance(component, dict):
            yield from (f"{place}.{parameter}" for parameter in component)


def _set_each(config: Config, root: str, value: Any) -> None:
    """Lay a whole section over a configuration, key by key."""
    if not isinstance(value, dict):
        raise UsageError(f"{root}: expected a table, got {value!r}")
    if root == "train" and set(BUDGETS) <= set(value):
        raise UsageError(f"{root}: exactly one of steps and epochs must be set, not both")
    for name, item in value.items():
        _set(config, [root, name], item, f"{root}.{name}")


def _set_in_table(table: Config, path: list[str], value: Any, key: str) -> None:
    *parents, last = path
    for name in parents:
        inner = table.get(name)
        if isinstance(inner, list):
            raise UsageError(f"{key}: {name} is a list, which is set as a whole")
        table[name] = inner if isinstance(inner, dict) else {}
        table = table[name]
    table[last] = value


def _component(current: Config, path: list[str], value: Any, key: str) -> Config:
    """Return a component with a name, a table or a part of one parameter laid over it."""
    if path:
        changed = dict(current)  # it may be one of DEFAULTS
        _set_in_table(changed, path, value, key)
        return changed
    if isinstance(value, str):
        return {"name": value}
    table = as_table(value, key)
    return dict(table) if "name" in table else {**current, **table}


def as_table(value: Any, key: str) -> Config:
    """Return a value that must be a table.

    Raises:
        UsageError: if it is none; ``key`` says where it was given.
    """
    if not isinstance(value, dict):
        raise UsageError(f"{key}: expected a name or a table, got {value!r}")
    return value
