"""Formats: a result as a frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def framed(records: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return a frame with a row a record, in which what is None is NaN.

    Args:
        columns: that there are, in this order; empty for those of the records.
    """
    import pandas as pd

    # A column of None alone would hold Python's objects, with which pandas does not compute.
    rows = [{k: math.nan if v is None else v for k, v in record.items()} for record in records]
    return pd.DataFrame(rows, columns=list(columns) or None)
