"""Formats: a result as the command line prints it, without colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mtbench.errors import unknown


def rendered(
    form: str, formats: Mapping[str, Callable[..., str]], *told: Any, **given: Any
) -> str:
    """Return what one of some formats makes of a result.

    It is without the colours that the text has where stdout is a terminal.

    Raises:
        UsageError: if there is no such format.
    """
    from rich.text import Text

    if form not in formats:
        raise unknown("format", str(form), formats)
    return Text.from_ansi(formats[form](*told, **given)).plain
