from typing import Annotated, Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mtbench.components.validation import validate
from mtbench.errors import UsageError


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Inner(Strict):
    rate: float = 0.1
    depth: int = 1


class Outer(Strict):
    size: Annotated[int, Field(gt=0)]
    inner: Inner = Inner()
    several: list[Inner] = []
    either: Inner | None = None
    aliased: int = Field(0, alias="lambda")
    mixed: Annotated[int, Field(gt=2)] | dict[str, float] = 3

    @model_validator(mode="after")
    def _no_thirteen(self) -> Self:
        if self.size == 13:
            raise ValueError("Thirteen is no size")
        return self


class Empty(Strict):
    pass


KNOWN = "(known: either, inner, lambda, mixed, several, size)"


def message(model: type[BaseModel], given: dict[str, object]) -> str:
    with pytest.raises(UsageError) as caught:
        validate(model, given, where="[base]")
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_fits_becomes_the_model() -> None:
    made = validate(Outer, {"size": 3, "inner": {"rate": 0.2}, "lambda": 5}, where="[base]")

    assert (made.size, made.inner, made.aliased) == (3, Inner(rate=0.2), 5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"size": 1, "siz": 2},
            f"unknown key 'siz'; did you mean 'size'? {KNOWN}",
        ),
        (
            {"size": 1, "zzz": 2},
            f"unknown key 'zzz' {KNOWN}",
        ),
        (
            {"size": 1, "inner": {"rat": 2}},
            "unknown key 'inner.rat'; did you mean 'rate'? (known: depth, rate)",
        ),
        (
            {"size": 1, "several": [{}, {"dept": 2}]},
            "unknown key 'several.1.dept'; did you mean 'depth'? (known: depth, rate)",
        ),
        (
            {"size": 1, "either": {"dept": 2}},
            "unknown key 'either.dept'; did you mean 'depth'? (known: depth, rate)",
        ),
        (
            {"size": 1, "aliased": 2},
            f"unknown key 'aliased' {KNOWN}",
        ),
        ({}, "'size' is missing"),
        ({"size": 0}, "size: input should be greater than 0 (given: 0)"),
        (
            {"size": "x"},
            "size: input should be a valid integer, unable to parse string as an integer "
            "(given: 'x')",
        ),
        (
            {"size": 1, "inner": {"rate": []}},
            "inner.rate: input should be a valid number (given: [])",
        ),
        ({"size": 13}, "thirteen is no size"),
        ({"size": True}, "size: a boolean is no number (given: True)"),
        ({"size": False}, "size: a boolean is no number (given: False)"),
        ({"size": 1, "mixed": True}, "mixed: a boolean is no number (given: True)"),
        (
            {"size": 1, "several": [{}, {"rate": True}], "inner": {"rate": float("nan")}},
            "several.1.rate: a boolean is no number (given: True); "
            "inner.rate: input should be a finite number (given: nan)",
        ),
        (
            {"size": True, "siz": 2},
            "size: a boolean is no number (given: True); "
            f"unknown key 'siz'; did you mean 'size'? {KNOWN}",
        ),
        (
            {"inner": {"depth": 0.5}, "zzz": 1},
            "'size' is missing; inner.depth: input should be a valid integer, got a number with "
            "a fractional part (given: 0.5); "
            f"unknown key 'zzz' {KNOWN}",
        ),
    ],
)
def test_faults_in_one_line(given: dict[str, object], expected: str) -> None:
    assert message(Outer, given) == f"[base]: {expected}"


def test_a_model_without_fields() -> None:
    assert message(Empty, {"a": 1}) == "[base]: unknown key 'a' (it takes no parameters)"
