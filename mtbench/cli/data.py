"""Commands over data: ``data status``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mtbench.cli.options import data_option, load_registry, plugin_option
from mtbench.cli.tables import print_table
from mtbench.errors import ExitCode, UsageError


@click.group()
def data() -> None:
    """Look at the data sets."""


@data.command("status")
@data_option
@plugin_option
def status(data_dir: Path | None, plugin_files: Sequence[Path]) -> int:
    """Show rows, label balance, fingerprints and broken rows of every split."""
    from mtbench.data import status as read
    from mtbench.data_tables import bad_row_records, default_tasks, split_records, unreadable
    from mtbench.resolution import default_data_folder

    if data_dir is not None and not data_dir.is_dir():
        raise UsageError(f"--data {data_dir}: there is no such folder")
    tasks = default_tasks(load_registry(plugin_files))
    statuses = read(tasks, data_dir or default_data_folder())
    print_table("", split_records(statuses))
    print_table("rows left out", bad_row_records(statuses))
    print_table("not readable", unreadable(statuses))
    return ExitCode.DONE
