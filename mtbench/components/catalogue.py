"""The catalogue: all there is to tell of a component, as plain records."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mtbench.components.entries import (
    Entry,
    build_parameters,
    build_task,
    calling,
    parameter_model,
)
from mtbench.components.model_schema import model_schema
from mtbench.components.registry import Registry
from mtbench.errors import MtbenchError, UsageError
from mtbench.specs import Cell, CombinerSpec, Component, HeadSpec, Spec, Target, TaskSpec

Record = dict[str, Any]


def details(registry: Registry, name: str) -> list[Record]:
    """Return all there is to tell of a name, once for each kind that has it.

    Args:
        name: a component's name, ``distribution/name``, or either after ``kind:``.

    Raises:
        UsageError: if there is no such component.
        PluginError: if there is none and a broken plugin may have brought it, or its parameters
            cannot be imported or have no JSON Schema.
    """
    return [_details(entry, registry) for entry in registry.lookup(name)]


def _details(entry: Entry, registry: Registry) -> Record:
    model = parameter_model(entry)
    with calling(entry, "the JSON Schema of its parameters"):
        schema = model_schema(model)
    required = schema.get("required", [])
    return {
        "kind": entry.spec.kind,
        "name": entry.spec.name,
        "summary": entry.spec.summary,
        "paper": entry.spec.paper,
        **asdict(entry.provider),
        "target": _target(entry.spec.target),
        "api": entry.spec.api,
        **_of_its_kind(entry.spec),
        "promises": sorted(entry.spec.promises),
        "expected_failures": dict(entry.spec.expected_failures),
        "example": example(entry, registry),
        "parameters": [
            {
                "name": name,
                "type": _type(field),
                "default": "(required)" if name in required else _default(field),
                "meaning": field.get("description", ""),
            }
            for name, field in schema.get("properties", {}).items()
        ],
        "schema": schema,
    }


def _of_its_kind(spec: Spec) -> Record:
    """Return what a spec says that those of other kinds do not."""
    if isinstance(spec, CombinerSpec):
        return {"needs": spec.needs, "observes": spec.observes}
    return {"output": spec.output} if isinstance(spec, HeadSpec) else {}


def _target(target: Target) -> str:
    """Name a target, as text or the thing itself, as ``package.module:Name``."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__qualname__", repr(target))
    return f"{getattr(target, '__module__', '')}:{name}"


def example(entry: Entry, registry: Registry) -> str:
    """Return the line of a matrix, in ``[base]``, that takes a component.

    A parameter that must be given, and has no example, is written as ``...``.
    """
    spec = entry.spec
    fields = parameter_model(entry).model_fields.items()
    required = {field.alias or name: ... for name, field in fields if field.is_required()}
    parameters = {**required, **spec.example}
    value = written({"name": spec.name, **parameters} if parameters else spec.name)
    if isinstance(spec, TaskSpec):
        return f"tasks = [{value}]"
    if isinstance(spec, HeadSpec):
        return f"heads.{_task_for(entry, registry)} = {value}"
    return f"{spec.kind} = {value}"


def _task_for(entry: Entry, registry: Registry) -> str:
    """Return the first task that a head, as its example has it, has nothing against."""
    try:
        parameters = build_parameters(entry, entry.spec.example, where=entry.spec.name)
    except UsageError:
        return "TASK"  # it has no example that works
    with calling(entry, "its parameters"):
        values = parameters.model_dump(mode="json")
    head = Component(entry.spec.name, values)
    for task in registry.entries:
        try:
            if isinstance(task.spec, TaskSpec) and _fits(entry, head, task):
                return task.spec.name
        except MtbenchError:
            continue  # a plugin that breaks, or a task that must be told something, is no example
    return "TASK"


def _fits(entry: Entry, head: Component, task: Entry) -> bool:
    """Whether a head has nothing against a task with its defaults."""
    name = task.spec.name
    made = build_task(task, build_parameters(task, {}, where=name))
    with calling(task, "describe"):
        info = made.describe()
    assert isinstance(entry.spec, HeadSpec)
    nothing = Component("", {})
    cell = Cell({name: info}, nothing, {name: head}, nothing, nothing, {})
    with calling(entry, "rejects"):
        return entry.spec.rejects is None or entry.spec.rejects(cell, name) is None


def written(value: Any) -> str:
    """Write a value as TOML has it within a line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {written(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if value is ...:
        return "..."
    return json.dumps(value, ensure_ascii=False)  # TOML spells numbers and texts as JSON does


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _default(field: Record) -> str:
    return repr(field["default"]) if "default" in field else "(computed)"


LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
"""Keywords of JSON Schema that bound a number, and how they are written here."""


def _type(field: Record) -> str:
    """Write a JSON Schema type in a few words."""
    if "anyOf" in field:
        return " | ".join(_type(option) for option in field["anyOf"])
    if "enum" in field:
        return " | ".join(repr(value) for value in field["enum"])
    if "const" in field:
        return repr(field["const"])
    if "prefixItems" in field:
        return f"[{', '.join(map(_type, field['prefixItems']))}]"
    if field.get("type") == "array" and "items" in field:
        item = _type(field["items"])
        return f"list of ({item})" if " | " in item else f"list of {item}"
    limits = [f"{sign} {field[word]:g}" for word, sign in LIMITS.items() if word in field]
    return " ".join([str(field.get("type", "any")), ", ".join(limits)]).strip()
