import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.rendering.numbers import UNDEFINED, number, p_value, percent


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (number(None), "-"),
        (number(None, missing=UNDEFINED), "undefined"),
        (number(0.12345), "0.123"),
        (number(0.0005), "0.001"),
        (number(-1), "-1.000"),
        (number(-0.0004), "0.000"),
        (number(-0.0004, sign="+"), "+0.000"),
        (number(0.25, 1, sign="+"), "+0.2"),
        (number(1234567.8, 0), "1,234,568"),
        (percent(0.456), "46%"),
        (percent(-0.0001, 1), "0.0%"),
        (percent(None), "-"),
        (p_value(0.0009), "< .001"),
        (p_value(0.001), "0.001"),
        (p_value(None), "-"),
    ],
)
def test_numbers(written: str, text: str) -> None:
    assert written == text


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_a_number_reads_as_what_it_was_and_zero_has_no_minus(value: float, digits: int) -> None:
    text = number(value, digits)

    assert float(text.replace(",", "")) == pytest.approx(value, abs=0.51 * 10**-digits)
    assert math.copysign(1, float(text.replace(",", ""))) == 1 or float(text.replace(",", "")) < 0
