"""The catalogue: what the registry holds, as plain records for people and programs."""

import json
import re
from collections.abc import Mapping
from typing import Any

from docstring_parser import DocstringStyle, parse
from pydantic import BaseModel

from mtbench.entries import Entry, build_parameters, build_task, calling, parameter_model
from mtbench.errors import MtbenchError
from mtbench.registry import Registry
from mtbench.specs import KINDS, Cell, Component, HeadSpec, TaskSpec

Record = dict[str, Any]


def components(registry: Registry) -> list[Record]:
    """Return a record a component, by kind and name."""
    order = list(KINDS)
    entries = sorted(registry.entries, key=lambda e: (order.index(e.spec.kind), e.spec.name))
    return [
        {
            "kind": entry.spec.kind,
            "name": entry.spec.name,
            "summary": entry.spec.summary,
            "distribution": entry.provider.distribution,
            "version": entry.provider.version,
        }
        for entry in entries
    ]


def problems(registry: Registry) -> list[Record]:
    """Return a record for each thing that is broken, with its reason."""
    return [
        {
            "distribution": problem.provider.distribution,
            "version": problem.provider.version,
            "module": problem.provider.module,
            "hook": problem.hook or "",
            "reason": problem.reason,
        }
        for problem in registry.problems
    ]


def blocked(registry: Registry) -> list[Record]:
    """Return a record for each plugin that was left out with ``-p no:NAME``."""
    return [
        {
            "distribution": provider.distribution,
            "version": provider.version,
            "module": provider.module,
        }
        for provider in registry.blocked
    ]


def details(registry: Registry, name: str) -> list[Record]:
    """Return all there is to tell of a name, once for each kind that has it.

    Args:
        name: a component's name, ``distribution/name``, or either after ``kind:``.

    Raises:
        UsageError: if there is no such component.
        PluginError: if there is none and a broken plugin may have brought it, or its parameters
            cannot be imported.
    """
    return [_details(entry, registry) for entry in registry.lookup(name)]


def _details(entry: Entry, registry: Registry) -> Record:
    model = parameter_model(entry)
    schema = model.model_json_schema()
    required = schema.get("required", [])
    meanings = _meanings(model)
    return {
        "kind": entry.spec.kind,
        "name": entry.spec.name,
        "summary": entry.spec.summary,
        "paper": entry.spec.paper,
        "distribution": entry.provider.distribution,
        "version": entry.provider.version,
        "module": entry.provider.module,
        "promises": sorted(entry.spec.promises),
        "example": example(entry, registry),
        "parameters": [
            {
                "name": name,
                "type": _type(field),
                "default": "(required)" if name in required else _default(field),
                "meaning": meanings.get(name, ""),
            }
            for name, field in schema.get("properties", {}).items()
        ],
        "schema": schema,
    }


def example(entry: Entry, registry: Registry) -> str:
    """Return the line of a matrix, in ``[base]``, that takes a component."""
    spec = entry.spec
    table = {"name": spec.name, **spec.example}
    value = _inline(table if spec.example else spec.name)
    if isinstance(spec, TaskSpec):
        return f"tasks = [{value}]"
    if isinstance(spec, HeadSpec):
        return f"heads.{_task_for(entry, registry)} = {value}"
    return f"{spec.kind} = {value}"


def _task_for(entry: Entry, registry: Registry) -> str:
    """Return the first task that a head, as its example has it, has nothing against."""
    values = parameter_model(entry).model_validate(entry.spec.example).model_dump(mode="json")
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


def _inline(value: Any) -> str:
    """Write a value as TOML has it within a line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_inline(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return json.dumps(value, ensure_ascii=False)  # TOML spells numbers and texts as JSON does


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a model and of its bases say of each parameter."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            described = parse(base.__doc__ or "", DocstringStyle.GOOGLE)
            for attribute in described.params:
                text = " ".join((attribute.description or "").replace("``", "").split())
                found |= {name.strip(): text for name in attribute.arg_name.split(",")}
    return found


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
