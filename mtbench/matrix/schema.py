"""The JSON Schema of matrix files, for editors: every key, component and parameter there is."""

import re
from collections.abc import Callable, Mapping

from mtbench.components.entries import Entry, calling, parameter_model
from mtbench.components.model_schema import Schema, model_schema
from mtbench.components.registry import Registry
from mtbench.errors import PluginError
from mtbench.matrix.configuration import SECTIONS, SLOTS
from mtbench.matrix.file import Matrix
from mtbench.specs import KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TASK = "[a-z0-9]+(-[a-z0-9]+)*"
PARTS = {
    "tasks": "What is learnt together.",
    "encoder": "The network that all tasks share.",
    "heads": "From embeddings to predictions, by task.",
    "balancer": "Which task gives a batch at which step.",
    "combiner": "From the tasks' losses or gradients to one update.",
}

Warn = Callable[[PluginError], None]


def matrix_schema(registry: Registry, warn: Warn) -> Schema:
    """Return the JSON Schema of a matrix file that names the registry's components.

    What it refuses, mtbench refuses; mtbench checks more (that axes fit the design, say).

    Args:
        warn: is told of each component whose parameters cannot be imported or have no JSON
            Schema; whatever is given to that one fits.
    """
    whole = model_schema(Matrix)
    definitions = {**whole.pop("$defs"), **_components(registry, warn)}
    sections = {name: model_schema(model) for name, model in SECTIONS.items()}
    for section in sections.values():
        definitions |= section.pop("$defs", {})
    base = _table(sections)
    axes = {**base, **_axis(base), "type": "object"}
    for slot in SLOTS:  # of which each parameter is an axis of its own
        axes["properties"][slot] = {"anyOf": [axes["properties"][slot], {"type": "object"}]}
    exclude = {"type": "array", "items": {**base, "minProperties": 1}}
    _replace(whole["properties"], {"base": base, "axes": axes, "exclude": exclude})
    _replace(definitions["NamedChange"]["properties"], {"set": base})
    return {"$schema": DIALECT, **whole, "$defs": definitions}


def _replace(properties: dict[str, Schema], better: Mapping[str, Schema]) -> None:
    """Put better schemas for some properties, with the descriptions that these have."""
    for name, schema in better.items():
        properties[name] = {"description": properties[name]["description"], **schema}


def _components(registry: Registry, warn: Warn) -> dict[str, Schema]:
    """Return a definition a kind: a name, or a table with a name and its parameters."""
    definitions: dict[str, Schema] = {}
    for kind in KINDS:
        entries = [entry for entry in registry.entries if entry.spec.kind == kind]
        names = [
            {"const": name, "description": entry.spec.summary}
            for entry in entries
            for name in _names(entry, entries)
        ]
        tables = []
        for entry in entries:
            table = _component(entry, _names(entry, entries), warn)
            definitions |= table.pop("$defs", {})
            tables.append(table)
        changes: Schema = {"type": "object", "not": {"required": ["name"]}}
        definitions[kind] = {"anyOf": [*names, *tables, *([] if kind == "task" else [changes])]}
    return definitions


def _names(entry: Entry, entries: list[Entry]) -> list[str]:
    """Return the names by which a matrix can call an entry."""
    spec = entry.spec
    alone = [other.spec.name for other in entries].count(spec.name) == 1
    return [*([spec.name] if alone else []), f"{entry.provider.distribution}/{spec.name}"]


def _component(entry: Entry, names: list[str], warn: Warn) -> Schema:
    """Return the schema of a table with a name and parameters; ``$defs`` has models inside."""
    try:
        schema = _parameters(entry)
    except PluginError as error:
        warn(error)
        schema = {"type": "object"}
    name: Schema = {"enum": names, "description": entry.spec.summary}
    task = {"as": {"type": "string", "pattern": f"^{TASK}$"}} if entry.spec.kind == "task" else {}
    schema["description"] = entry.spec.summary
    schema["properties"] = {"name": name, **task, **schema.get("properties", {})}
    schema["required"] = ["name", *schema.get("required", [])]
    return schema


def _parameters(entry: Entry) -> Schema:
    # Models inside the parameters, told apart from those of other components.
    words = (entry.spec.kind, entry.provider.distribution, entry.spec.name, "")
    inside = re.sub(r"[^\w.-]", "_", ".".join(words))
    model = parameter_model(entry)
    with calling(entry, "the JSON Schema of its parameters"):
        schema = model_schema(model, ref_template=f"#/$defs/{inside}{{model}}")
    nested = {f"{inside}{model}": value for model, value in schema.pop("$defs", {}).items()}
    return {**schema, "$defs": nested}


def _table(sections: Mapping[str, Schema]) -> Schema:
    """Return the schema of ``[base]``, or of what a step sets: whole sections or dotted keys."""
    head = {"$ref": "#/$defs/head"}
    return {
        "type": "object",
        "properties": {
            "tasks": {
                "description": PARTS["tasks"],
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/task"},
            },
            **{slot: {"description": PARTS[slot], "$ref": f"#/$defs/{slot}"} for slot in SLOTS},
            **{
                f"{name}.{key}": field
                for name, section in sections.items()
                for key, field in section["properties"].items()
            },
            **sections,
            "heads": {
                "description": PARTS["heads"],
                "type": "object",
                "patternProperties": {f"^{TASK}$": head},
            },
        },
        "patternProperties": {  # dotted keys that hold a task's or a parameter's name
            rf"^heads\.{TASK}$": head,
            rf"^heads\.{TASK}\..+$": {},
            rf"^({'|'.join(SLOTS)})\..+$": {},
            r"^train\.batch_size\..+$": {},
        },
        "additionalProperties": False,
    }


def _axis(value: Schema) -> Schema:
    """Return the schema of a list of values; of a table, also of one with such lists in it."""
    inside: Schema = {
        word: {key: _axis(part) for key, part in value[word].items()}
        for word in ("properties", "patternProperties")
        if word in value
    }
    # Each word counts for values of its own type only.
    types = ["array", "object"] if inside else "array"
    return {"type": types, "minItems": 1, "items": value, **inside}
