import math
import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PositiveInt,
    RootModel,
    create_model,
    model_validator,
)

from mtbench.components.coercion import misread, plain
from mtbench.parameters import Parameters


class Colour(IntEnum):
    RED = 1


class Switch(Enum):
    ON = True


class Inner(BaseModel):
    rate: float


class Weight(BaseModel):
    kind: Literal["weight"] = "weight"
    value: int = 0


class Text(BaseModel):
    kind: Literal["text"] = "text"
    value: str = ""


class Renaming(BaseModel):
    rate: float

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, given: Any) -> Any:
        return {"rate": given["lr"]} if "lr" in given else given


@dataclass
class Plain:
    rate: float


def wrong(type_: Any, value: Any, base: type[BaseModel] = BaseModel) -> dict[Any, str]:
    """Return what is wrong with a value in a field of a type."""
    model = create_model("Model", __base__=base, field=(type_, ...))
    given = {"field": value}
    return misread(model, given, model.model_validate(given))


def named(value: Any) -> str:
    """Return the id of a case, which is the same in every process."""
    return re.sub(r" at 0x\w+", "", str(value))


def several(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


SCALARS = [
    int,
    float,
    PositiveInt,
    float | None,
    int | str,
    str | int,
    float | list[float],
    PositiveInt | dict[str, PositiveInt],
    Annotated[float, Field(ge=0, le=1)],
    Literal[1, 2],
    Colour,
    complex,
    timedelta,
    ByteSize,
    RootModel[int],
    Annotated[tuple[float, ...], BeforeValidator(several)],
]


@pytest.mark.parametrize("value", [True, np.True_], ids=["bool", "numpy"])
@pytest.mark.parametrize("type_", SCALARS, ids=named)
def test_a_boolean_is_no_number(type_: Any, value: Any) -> None:
    assert wrong(type_, value) == {("field",): "a boolean is no number (given: True)"}


@pytest.mark.parametrize(
    ("type_", "value", "place"),
    [
        (list[int], [1, True], (1,)),
        (tuple[float, ...], [1, False], (1,)),
        (tuple[int, str], [True, "a"], (0,)),
        (set[int], [True, 2], (0,)),
        (dict[str, float], {"a": True}, ("a",)),
        (dict[int, float], {"1": True}, ("1",)),
        (dict[str, dict[str, float]], {"a": {"b": False}}, ("a", "b")),
        (PositiveInt | dict[str, PositiveInt], {"a": True}, ("a",)),
        (list[float | str], ["a", True], (1,)),
        (list[Literal[1, 2]], [2, True], (1,)),
        (list[Fraction], [True], (0,)),
        (Inner, {"rate": True}, ("rate",)),
        (Inner | None, {"rate": True}, ("rate",)),
        (list[Inner], [{"rate": 1}, {"rate": True}], (1, "rate")),
        (Plain, {"rate": True}, ("rate",)),
        (Annotated[Weight | Text, Field(discriminator="kind")], {"kind": "weight", "value": True},
         ("value",)),
    ],
    ids=named,
)  # fmt: skip
def test_a_boolean_is_found_wherever_it_lies(type_: Any, value: Any, place: Any) -> None:
    assert list(wrong(type_, value)) == [("field", *place)]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (bool, True),
        (bool | float, True),
        (float | bool, True),
        (bool | None, False),
        (list[bool | int], [True, 1]),
        (dict[str, bool], {"a": True}),
        (Literal[True, 2], True),
        (Switch, True),
        (Any, True),
        (object, [True]),
        (dict[str, Any], {"a": [{"b": True}]}),
        (Annotated[float, BeforeValidator(lambda given: 0.1 if given is True else given)], True),
        (tuple[Path, bool], ["a", True]),  # a list for a tuple, a text for a path
        (int, 3.0),
        (int, "3"),
    ],
    ids=named,
)
def test_what_may_be_a_boolean_is_left_alone(type_: Any, value: Any) -> None:
    assert wrong(type_, value) == {}


def test_a_boolean_is_found_under_an_alias() -> None:
    model = create_model("Model", rate=(Literal[1, 2], Field(alias="lambda")))
    given = {"lambda": True}
    assert list(misread(model, given, model(**given))) == [("lambda",)]


def test_a_boolean_is_found_behind_a_validator_that_renames() -> None:
    given = {"lr": True}
    assert set(misread(Renaming, given, Renaming(**given)).values()) == {
        "a boolean is no number (given: True)"
    }


def test_defaults_are_the_models_own() -> None:
    model = create_model("Model", a=(int, True), b=(float, math.inf))
    assert misread(model, {}, model()) == {}


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("type_", "value", "place"),
    [
        (float, NAN, ()),
        (float, "nan", ()),
        (Annotated[float, Field(gt=0)], INF, ()),
        (float | None, -INF, ()),
        (list[float], [1, INF], (1,)),
        (dict[str, float], {"a": NAN}, ("a",)),
        (dict[str, list[float]], {"a": [1, INF]}, ("a", 1)),
        (Inner, {"rate": NAN}, ("rate",)),
        (Plain, {"rate": NAN}, ("rate",)),
    ],
    ids=named,
)
def test_a_number_is_finite(type_: Any, value: Any, place: Any) -> None:
    [(where, why)] = wrong(type_, value).items()
    assert where == ("field", *place)
    assert why.startswith("input should be a finite number (given: ")


class Endless(Parameters):
    model_config = ConfigDict(allow_inf_nan=True)


Infinite = Annotated[float, Field(allow_inf_nan=True)]


@pytest.mark.parametrize(
    ("type_", "value", "base"),
    [
        (Infinite, INF, BaseModel),
        (Infinite, NAN, Parameters),
        (dict[str, Infinite], {"a": INF}, Parameters),
        (float, INF, Endless),
        (Any, NAN, BaseModel),
        (dict[str, Any], {"a": {"b": INF}}, BaseModel),
        (float | str, "nan", BaseModel),
        (Decimal, "1e999", BaseModel),
    ],
    ids=named,
)
def test_what_a_field_allows_is_left_alone(type_: Any, value: Any, base: type[BaseModel]) -> None:
    assert wrong(type_, value, base) == {}


def test_booleans_are_found_beside_other_faults() -> None:
    model = create_model("Model", lr=(float, ...), steps=(int, ...))
    assert list(misread(model, {"lr": True, "steps": "x"}, None)) == [("lr",)]


# --- what NumPy made ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.float64(1e-3), 1e-3),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("sum"), "sum"),
        (np.array(2.5), 2.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ({"a": [np.int8(1), (np.float64(2.5), "b")]}, {"a": [1, [2.5, "b"]]}),
        ({("a", 1): (1, 2)}, {("a", 1): [1, 2]}),
        (None, None),
        (Path("here"), Path("here")),
    ],
)
def test_numpy_is_plain_python(given: Any, wanted: Any) -> None:
    made = plain(given)
    assert made == wanted
    assert (type(made), repr(made)) == (type(wanted), repr(wanted))
