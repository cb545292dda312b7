"""Numbers: how they are written for people, wherever they stand."""

from typing import Literal

DIGITS = 3
"""Digits of a score; a dev set of a thousand rows bears no more."""

MISSING = "-"
"""Where there is nothing to write."""
UNDEFINED = "undefined"
"""Where there was something to measure, and it has no value."""


def number(
    value: float | None,
    digits: int = DIGITS,
    *,
    sign: Literal["", "+"] = "",
    missing: str = MISSING,
) -> str:
    """Write a number, thousands apart; what is rounded to zero has no minus.

    Args:
        sign: ``"+"`` to write that of a positive number, and of zero, too.
        missing: what stands for None.
    """
    return missing if value is None else f"{value:{sign}z,.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Write a share."""
    return MISSING if value is None else f"{value:z.{digits}%}"


def p_value(value: float | None) -> str:
    """Write a p value; one that three digits do not show is told to be small."""
    return "< .001" if value is not None and value < 0.001 else number(value)
