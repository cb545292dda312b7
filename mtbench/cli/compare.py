"""The command ``compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mtbench.cli.options import (
    PathType,
    format_option,
    load_registry,
    open_store,
    overrides,
    seeds_option,
    study_options,
)
from mtbench.console import say, show_text
from mtbench.errors import ExitCode

if TYPE_CHECKING:
    from mtbench.registry import Registry


@click.command()
@click.argument("a")
@click.argument("b")
@study_options
@seeds_option
@click.option(
    "--store-b",
    metavar="DIR",
    type=PathType(file_okay=False),
    help="Where the runs of B are stored, if elsewhere.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Show N examples of each kind that flipped, with their sentences.",
)
@click.option("--details", is_flag=True, help="Of many cells, show each pair in full.")
@format_option
def compare(
    a: str,
    b: str,
    *,
    axes: Sequence[str],
    settings: Sequence[str],
    expression: str | None,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    blocked: Sequence[str],
    store_dir: Path,
    seeds: int | None,
    store_b: Path | None,
    examples: int,
    details: bool,
    form: str,
) -> int:
    """Tell what differs between A and B: settings, surroundings, scores, examples.

    Each is a run (the start of its key), a cell (MATRIX::CELL, or STORE::CELL for one that is
    stored), or all cells of a matrix or of a store folder, which are paired by their names. A B
    that starts with :: is a cell of A's matrix or store.
    """
    from mtbench.comparison.addressed import compare_addresses
    from mtbench.comparison.addresses import Reader
    from mtbench.comparison.rendering import COMPARISON_FORMATS, IN_SECTIONS
    from mtbench.devices import choose
    from mtbench.plugin_files import BESIDE, file_beside

    def files(matrix: Path) -> Sequence[Path]:
        # The option adds the file of the working directory; here each matrix has its own.
        named = [file for file in plugin_files if file != Path(BESIDE)]
        return [*named, *file_beside(matrix)]

    def registry(matrix: Path) -> Registry:
        return load_registry(files(matrix), blocked)

    laid_over = overrides(settings, axes, seeds, data_dir)
    reader = Reader(registry, laid_over, expression, choose(device), files)
    other = None if store_b is None else open_store(store_b)
    held = compare_addresses(
        reader, a, b, open_store(store_dir), other, examples=examples, data_dir=data_dir
    )
    given = {"details": details} if form in IN_SECTIONS else {}
    show_text(COMPARISON_FORMATS[form](held.comparisons, **given))
    if form == "csv":  # whose rows have no place for them
        pairs = held.comparisons.pairs
        for told in dict.fromkeys(side.remark for pair in pairs for side in (pair.a, pair.b)):
            if told:
                say(f"warning: {told}")
    for problem in held.problems:
        raise problem
    held.comparisons.check_compared()
    return ExitCode.DONE
