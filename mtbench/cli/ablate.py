"""Commands over a matrix: ``ablate``, ``plan``, ``leaderboard``."""

from __future__ import annotations

import shlex
from typing import Any

import click
from click.core import ParameterSource

from mtbench.cli.options import (
    format_option,
    jobs_option,
    matrix_options,
    read_study,
    reference_option,
    seeds_option,
)
from mtbench.cli.views import print_view
from mtbench.system.console import say


@click.command()
@matrix_options
@seeds_option
@format_option
@jobs_option
@click.option("--dry-run", is_flag=True, help="Show what would be trained, and train nothing.")
@reference_option
def ablate(*, form: str, jobs: int | None, dry_run: bool, **given: Any) -> int:
    """Train what MATRIX lacks and print its leaderboard."""
    from mtbench.interface import view_plan
    from mtbench.study.study import Session

    study = read_study(**given)
    if dry_run:
        return print_view(view_plan(Session(study), jobs), form)
    return print_view(study.ablate(jobs=jobs), form, _training_call())


@click.command()
@matrix_options
@seeds_option
@format_option
def plan(form: str, **given: Any) -> int:
    """Show the runs of MATRIX: stored, to do, and those that cannot be."""
    return print_view(read_study(**given).plan(), form)


@click.command()
@matrix_options
@seeds_option
@format_option
@click.option("--write", is_flag=True, help="Put the table into the README.md beside MATRIX.")
@reference_option
def leaderboard(*, form: str, write: bool, **given: Any) -> int:
    """Print the leaderboard of what is stored of MATRIX, and train nothing."""
    from mtbench.board.readme import write_table

    board = read_study(**given).leaderboard()
    if write:
        board.check(_training_call())  # a table with holes replaces no good one
        say(f"wrote {write_table(given['matrix'], board.render('markdown'))}")
    return print_view(board, form, _training_call())


def _training_call() -> str:
    """Return how ``ablate`` is called with what this command was given and it takes too."""
    context = click.get_current_context()
    shared = {parameter.name for parameter in ablate.params}
    words = ["mtbench", "ablate"]
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in shared and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            typed = context.meta.get(parameter.opts[0], context.params[name])
            option = parameter.opts[:1] if isinstance(parameter, click.Option) else []
            for value in typed if parameter.multiple else [typed]:
                words += [*option, str(value)]
    return shlex.join(words)
