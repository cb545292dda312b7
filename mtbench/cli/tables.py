"""Tables of records on stdout."""

from collections.abc import Mapping, Sequence
from typing import Any

import click


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
    from tabulate import tabulate

    if not records:
        if empty:
            click.echo(empty)
        return
    if title:
        click.echo(f"\n{title}")
    rows = [list(record.values()) for record in records]
    table = tabulate(
        rows,
        headers=list(records[0]),
        tablefmt="simple",
        disable_numparse=True,
        maxcolwidths=widest,
    )
    click.echo(table)
