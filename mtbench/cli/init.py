"""The command ``init``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from mtbench.cli.options import PathType
from mtbench.errors import ExitCode
from mtbench.system.console import show


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=PathType())
def init(folder: Path) -> int:
    """Write a commented starter matrix into DIR, or here."""
    from mtbench.cli.scaffold import write_study

    file = write_study(folder)
    show(f"wrote {file}; next: mtbench ablate {shlex.quote(str(file))}")
    return ExitCode.DONE
