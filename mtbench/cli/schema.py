"""The command ``schema``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from mtbench.cli.options import load_registry, plugin_option
from mtbench.errors import ExitCode


@click.command()
@plugin_option
def schema(plugin_files: Sequence[Path], blocked: Sequence[str]) -> int:
    """Print a JSON Schema of matrix files, for editors."""
    from mtbench.matrix_schema import matrix_schema

    click.echo(json.dumps(matrix_schema(load_registry(plugin_files, blocked)), indent=2))
    return ExitCode.DONE
