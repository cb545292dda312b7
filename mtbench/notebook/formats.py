"""Formats: a result as the command line prints it, without colours, and as a frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtbench.errors import unknown

if TYPE_CHECKING:
    import pandas as pd


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


def framed(records: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return a frame with a row a record, in which what is None is NaN.

    Args:
        columns: that there are, in this order; empty for those of the records.
    """
    import pandas as pd

    # A column of None alone would hold Python's objects, with which pandas does not compute.
    rows = [{k: math.nan if v is None else v for k, v in record.items()} for record in records]
    return pd.DataFrame(rows, columns=list(columns) or None)
