"""The command ``schema``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from mtbench.cli.options import load_registry, plugin_option
from mtbench.errors import ExitCode, PluginError
from mtbench.system.console import say, show_text


@click.command()
@partial(plugin_option, beside=False)  # an editor asks, who may not know what lies here
def schema(plugin_files: Sequence[Path], blocked: Sequence[str]) -> int:
    """Print a JSON Schema of matrix files, for editors."""
    from mtbench.matrix.schema import matrix_schema

    def warn(error: PluginError) -> None:
        say(f"warning: {error}; its parameters are not in the schema")

    registry = load_registry(plugin_files, blocked)
    show_text(json.dumps(matrix_schema(registry, warn), indent=2))
    return ExitCode.DONE
