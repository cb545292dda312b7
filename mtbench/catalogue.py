"""The catalogue: what the registry holds, as plain records for people and programs."""

from typing import Any

from mtbench.entries import Entry, parameter_model
from mtbench.registry import Registry
from mtbench.specs import KINDS

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


def details(registry: Registry, name: str) -> list[Record]:
    """Return all there is to tell of a name, once for each kind that has it.

    Args:
        name: a component's name, ``distribution/name``, or either after ``kind:``.

    Raises:
        UsageError: if there is no such component.
        PluginError: if there is none and a broken plugin may have brought it, or its parameters
            cannot be imported.
    """
    return [_details(entry) for entry in registry.lookup(name)]


def _details(entry: Entry) -> Record:
    schema = parameter_model(entry).model_json_schema()
    required = schema.get("required", [])
    return {
        "kind": entry.spec.kind,
        "name": entry.spec.name,
        "summary": entry.spec.summary,
        "paper": entry.spec.paper,
        "distribution": entry.provider.distribution,
        "version": entry.provider.version,
        "module": entry.provider.module,
        "parameters": [
            {
                "name": name,
                "type": _type(field),
                "default": "(required)" if name in required else _default(field),
            }
            for name, field in schema.get("properties", {}).items()
        ],
        "schema": schema,
    }


def _default(field: Record) -> str:
    return repr(field["default"]) if "default" in field else "(computed)"


def _type(field: Record) -> str:
    """Write a JSON Schema type in one or two words."""
    if "anyOf" in field:
        return " | ".join(_type(option) for option in field["anyOf"])
    if "enum" in field:
        return " | ".join(repr(value) for value in field["enum"])
    return str(field.get("type", "any"))
