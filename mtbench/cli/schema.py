"""The command ``schema``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from mtbench.cli.options import blocked_option, plugins_option
from mtbench.errors import ExitCode, PluginError
from mtbench.system.console import show_text, warn


@click.command()
@partial(plugins_option, beside=False)  # an editor asks, who may not know what lies here
@blocked_option
def schema(plugins: Sequence[Path], blocked: Sequence[str]) -> int:
    """Print a JSON Schema of matrix files, for editors."""
    from mtbench.components.registry import Registry
    from mtbench.matrix.schema import matrix_schema

    def left_out(error: PluginError) -> None:
        warn(f"{error}; its parameters are not in the schema")

    registry = Registry.open(plugins, blocked, warn)
    show_text(json.dumps(matrix_schema(registry, left_out), indent=2))
    return ExitCode.DONE
