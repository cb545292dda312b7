"""The command ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mtbench.cli.options import (
    folder_option,
    format_option,
    read_study,
    seeds_option,
    study_options,
)
from mtbench.cli.views import print_view


@click.command()
@click.argument("a")
@click.argument("b")
@study_options
@seeds_option
@folder_option("--store-b", help="Where the runs of B are stored, if elsewhere.")
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
    store_b: Path | None,
    examples: int,
    details: bool,
    form: str,
    **given: Any,
) -> int:
    """Tell what differs between A and B: settings, surroundings, scores, examples.

    Each is a run (the start of its key, or its folder), a cell (MATRIX::CELL, or STORE::CELL for
    one that is stored; a part of its name will do), a seed of it ('MATRIX::CELL [seed 0]'), or all
    cells of a matrix or of a store folder, which are paired by their names. A B that starts with
    :: is a cell of A's matrix or store.
    """
    from mtbench.comparison.addressed import compare_addresses
    from mtbench.interface import view_comparisons
    from mtbench.store import Store

    other = None if store_b is None else Store(store_b)
    compared = compare_addresses(read_study(**given), a, b, other, examples=examples)
    return print_view(view_comparisons(compared), form, details=details)
