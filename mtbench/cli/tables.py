"""Tables of records on stdout."""

from collections.abc import Mapping, Sequence
from typing import Any

import click


def print_table(title: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Print records as a table, one column a field; no record, no table."""
    from tabulate import tabulate

    if not records:
        return
    if title:
        click.echo(f"\n{title}")
    rows = [list(record.values()) for record in records]
    click.echo(tabulate(rows, headers=list(records[0]), tablefmt="simple", disable_numparse=True))
