"""The command ``compare``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from mtbench.cli.options import (
    PathType,
    address_reader,
    format_option,
    open_store,
    overrides,
    seeds_option,
    study_options,
)
from mtbench.errors import ExitCode
from mtbench.system.console import say, show_document


@click.command()
@click.argument("a")
@click.argument("b")
@partial(study_options, beside=False)
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

    Each is a run (the start of its key, or its folder), a cell (MATRIX::CELL, or STORE::CELL for
    one that is stored; a part of its name will do), a seed of it ('MATRIX::CELL [seed 0]'), or all
    cells of a matrix or of a store folder, which are paired by their names. A B that starts with
    :: is a cell of A's matrix or store.
    """
    from mtbench.comparison.addressed import compare_addresses
    from mtbench.comparison.document import document

    laid_over = overrides(settings, axes, seeds, data_dir)
    reader = address_reader(
        plugin_files, laid_over, device, expression=expression, blocked=blocked
    )
    other = None if store_b is None else open_store(store_b)
    held = compare_addresses(
        reader, a, b, open_store(store_dir), other, examples=examples, data_dir=data_dir
    )
    show_document(document(held.comparisons, details=details), form)
    if form == "csv":  # whose rows have no place for them
        pairs = held.comparisons.pairs
        for told in dict.fromkeys(side.remark for pair in pairs for side in (pair.a, pair.b)):
            if told:
                say(f"warning: {told}")
    for problem in held.problems:
        raise problem
    held.comparisons.check_compared()
    return ExitCode.DONE
