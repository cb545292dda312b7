"""Tables of records on stdout."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtbench.rendering import text as plain
from mtbench.system.console import show, show_text


def print_table(
    title: str,
    records: Sequence[Mapping[str, Any]],
    *,
    empty: str = "",
    widest: int | None = None,
) -> None:
    """Print records as a table, one column a field; without records, what is said for none.

    Args:
        widest: characters of a column; what is longer goes on in the next line.
    """
    if not records:
        if empty:
            show(empty)
        return
    if title:
        show_text(f"\n{title}")
    show_text(plain.table(records, widest=widest))
