"""Plain text: tables of texts for a terminal or a log."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtbench.rendering.escaping import visible


def table(
    records: Sequence[Mapping[str, Any]],
    *,
    alignment: Sequence[str] | None = None,
    widest: int | None = None,
) -> str:
    """Return records as a table, a row each; what is hidden in a text is shown escaped.

    Args:
        records: with the same keys, which are the heading.
        alignment: of each column, ``"left"`` or ``"right"``; None for left everywhere.
        widest: characters of a column; what is longer goes on in the next line.
    """
    from tabulate import tabulate

    return tabulate(
        [[visible(str(value)) for value in record.values()] for record in records],
        headers=[visible(name) for name in records[0]],
        tablefmt="simple",
        disable_numparse=True,
        maxcolwidths=widest,
        colalign=alignment or ["left"] * len(records[0]),
    )
