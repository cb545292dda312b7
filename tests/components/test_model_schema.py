from collections.abc import Callable

import pytest
from pydantic import BaseModel, Field
from pydantic.errors import PydanticUserError

from mtbench.components.model_schema import model_schema


class Inner(BaseModel):
    """What is inside.

    Attributes:
        steps: of ``1`` second.
    """

    steps: int


class Base(BaseModel):
    """The first.

    Attributes:
        low, high: the ends.
        mode: is said again below.
    """

    low: float = 0.0
    high: float = 1.0
    mode: str = ""


class Model(Base):
    """More than that:
    a second line.

    Attributes:
        mode: how it goes;
            in two lines.
        factor: by another name.
        own: is overruled.
    """

    factor: float = Field(1.0, alias="lambda")
    own: str = Field("", description="its own")
    silent: int = 0
    inner: Inner | None = None


def test_a_field_means_what_the_docstrings_say() -> None:
    schema = model_schema(Model)

    assert schema["description"] == "More than that: a second line."
    assert {name: field.get("description") for name, field in schema["properties"].items()} == {
        "low": "the ends.",
        "high": "the ends.",
        "mode": "how it goes; in two lines.",
        "lambda": "by another name.",
        "own": "its own",
        "silent": None,
        "inner": None,
    }
    assert schema["properties"]["silent"] == {"default": 0, "type": "integer"}


def test_models_inside_are_described_too() -> None:
    schema = model_schema(Model, ref_template="#/here/{model}")

    assert schema["properties"]["inner"]["anyOf"][0] == {"$ref": "#/here/Inner"}
    assert schema["$defs"]["Inner"] == {
        "description": "What is inside.",
        "properties": {"steps": {"description": "of 1 second.", "type": "integer"}},
        "required": ["steps"],
        "title": "Inner",
        "type": "object",
    }


def test_a_model_without_a_docstring() -> None:
    class Bare(Base):
        pass

    schema = model_schema(Bare)

    assert "description" not in schema
    assert schema["properties"]["high"]["description"] == "the ends."


def test_a_function_has_no_schema() -> None:
    class Told(BaseModel):
        rule: Callable[[float], float]

    with pytest.raises(PydanticUserError, match="Cannot generate a JsonSchema"):
        model_schema(Told)
