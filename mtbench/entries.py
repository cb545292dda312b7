"""Entries: a component's spec and who provides it, and the way from there to its objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtbench.errors import PluginError
from mtbench.layouts import LaidOutTask
from mtbench.protocols import Task
from mtbench.specs import Spec, TaskSpec, resolve

if TYPE_CHECKING:
    from mtbench.parameters import Parameters


@dataclass(frozen=True)
class Provider:
    """Where a plugin comes from: its distribution (or file), version and module."""

    distribution: str
    version: str
    module: str


@dataclass(frozen=True)
class Entry:
    """A spec, and who provides it."""

    spec: Spec
    provider: Provider


def build_parameters(entry: Entry, given: Mapping[str, Any], *, where: str) -> Parameters:
    """Return a component's parameters, defaults filled in.

    Args:
        where: the place they were given, which opens the message of an error.

    Raises:
        UsageError: if one is unknown or its value does not fit.
        PluginError: if the plugin's model cannot be used.
    """
    from mtbench.validation import validate

    return validate(parameter_model(entry), given, where=where)


def parameter_model(entry: Entry) -> type[Parameters]:
    """Return the pydantic model of a component's parameters.

    Raises:
        PluginError: if what the spec names is no subclass of ``Parameters`` (of
            ``HeadParameters`` for a head).
    """
    from mtbench.parameters import HeadParameters, Parameters

    base = HeadParameters if entry.spec.kind == "head" else Parameters
    if entry.spec.parameters is None:
        return base
    model = load_target(entry, entry.spec.parameters)
    if not (isinstance(model, type) and issubclass(model, base)):
        raise PluginError(f"{label(entry)}: its parameters are no {base.__name__}: {model!r}")
    if "name" in model.model_fields:
        raise PluginError(f"{label(entry)}: a parameter cannot be called 'name'")
    return model


def build_task(entry: Entry, parameters: Parameters) -> Task:
    """Return the task of an entry, read in the layouts that its spec names.

    Raises:
        PluginError: if what the spec names cannot be imported.
    """
    task: Task = load_target(entry, entry.spec.target)(parameters)
    assert isinstance(entry.spec, TaskSpec)
    if entry.spec.layouts is None:
        return task
    return LaidOutTask(task, tuple(load_target(entry, entry.spec.layouts)))


def load_target(entry: Entry, target: Any) -> Any:
    """Import one of the things an entry's spec names.

    Raises:
        PluginError: if it cannot be imported; the reason is the chained error.
    """
    try:
        return resolve(target)
    except Exception as error:  # whatever a stranger's module raises when it is imported
        raise PluginError(f"{label(entry)}: {type(error).__name__}: {error}") from error


def label(entry: Entry) -> str:
    """Name an entry in a message: kind, name and who provides it."""
    return f"{entry.spec.kind} {entry.spec.name!r} of {entry.provider.distribution}"
