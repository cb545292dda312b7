"""The JSON Schema of a pydantic model, with what its docstring says of every field."""

from typing import Any

from docstring_parser import Docstring, DocstringStyle, parse
from pydantic import BaseModel
from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema

Schema = dict[str, Any]


def model_schema(model: type[BaseModel], ref_template: str = DEFAULT_REF_TEMPLATE) -> Schema:
    """Return the JSON Schema of a model, and of those inside it, for people to read too.

    A field's description is its own, else what the section ``Attributes`` of the docstrings of
    the model and of its bases says; fields have no title, which would only repeat their names.

    Raises:
        PydanticUserError: if a field's type has no JSON Schema, such as a function's.
    """
    return model.model_json_schema(ref_template=ref_template, schema_generator=_Described)


class _Described(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> Schema:
        described = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        if "description" in described:
            described["description"] = _plain(_docstring(model).description)
        meanings = _meanings(model)
        for name, field in described.get("properties", {}).items():
            if name in meanings:
                field.setdefault("description", meanings[name])
        return described


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return what docstrings say of each field, by the name that it is given with."""
    said: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            for attribute in _docstring(base).params:
                text = _plain(attribute.description)
                said |= {name.strip(): text for name in attribute.arg_name.split(",")}
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    return {aliases.get(name, name): text for name, text in said.items()}


def _docstring(model: type[BaseModel]) -> Docstring:
    return parse(model.__doc__ or "", DocstringStyle.GOOGLE)


def _plain(text: str | None) -> str:
    """Write a docstring's text in one line, without its markup."""
    return " ".join((text or "").replace("``", "").split())
