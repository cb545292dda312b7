from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mtbench.parameters import HeadParameters, Parameters, Rate


def test_a_head_that_says_nothing_leaves_the_choice() -> None:
    assert HeadParameters().model_dump() == {"pooling": None, "pair": "separate", "dropout": None}


@pytest.mark.parametrize(
    ("given", "type_"),
    [
        ({"droput": 0.1}, "extra_forbidden"),
        ({"pooling": "max"}, "literal_error"),
        ({"pair": "both"}, "literal_error"),
        ({"dropout": 1.0}, "less_than"),
        ({"dropout": -0.1}, "greater_than_equal"),
        ({"dropout": float("nan")}, "finite_number"),
    ],
)
def test_what_a_head_cannot_be_given(given: dict[str, Any], type_: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HeadParameters(**given)
    assert [error["type"] for error in caught.value.errors()] == [type_]


def test_parameters_do_not_change() -> None:
    parameters = HeadParameters(dropout=0.3)
    with pytest.raises(ValidationError, match="frozen"):
        parameters.dropout = 0.1  # type: ignore[misc]


def test_unknown_parameters_are_refused_where_there_are_none() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Parameters(c=0.5)  # type: ignore[call-arg]


def test_a_rate_may_be_nought_but_not_everything() -> None:
    rate = TypeAdapter(Rate)
    assert rate.validate_python(0) == 0
    with pytest.raises(ValidationError):
        rate.validate_python(1)
