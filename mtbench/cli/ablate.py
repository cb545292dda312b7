"""Commands over a matrix: ``ablate``, ``plan``, ``leaderboard``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mtbench.cli.options import format_option, matrix_options, read_plan, read_study, seeds_option
from mtbench.errors import ExitCode
from mtbench.system.console import say, show_text

if TYPE_CHECKING:
    from pathlib import Path

    from mtbench.store import Store
    from mtbench.study.plan import Plan

reference_option = click.option(
    "--reference",
    metavar="CELL",
    help="The cell that all others are compared with.  [default: what MATRIX says]",
)


@click.command()
@matrix_options
@seeds_option
@format_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs at a time.  [default: cores/threads; 1 on a CUDA device]",
)
@click.option("--dry-run", is_flag=True, help="Show what would be trained, and train nothing.")
@reference_option
def ablate(form: str, jobs: int | None, dry_run: bool, reference: str | None, **given: Any) -> int:
    """Train what MATRIX lacks and print its leaderboard."""
    from mtbench.study.progress import observing, watching
    from mtbench.study.study import ablate as train
    from mtbench.study.study import make_plan

    asked = _read_study(reference, **given)
    store = asked["store"]
    if dry_run:
        return _print_plan(make_plan(**asked), store, form, jobs)
    files, blocked = given["plugin_files"], given["blocked"]
    watch = watching(observing, lambda told: say(f"warning: {told}"), store, jobs)
    plan = train(**asked, observer=watch, jobs=jobs, plugins=files, blocked=blocked)
    return _print_board(plan, form)


def _read_study(reference: str | None, **given: Any) -> dict[str, Any]:
    """Return what the functions of ``study`` are given, the reference among it."""
    asked = read_study(**given)
    return asked | {"overrides": replace(asked["overrides"], reference=reference)}


@click.command()
@matrix_options
@seeds_option
@format_option
def plan(form: str, **given: Any) -> int:
    """Show the runs of MATRIX: stored, to do, and those that cannot be."""
    return _print_plan(*read_plan(**given, stored_only=True), form)


@click.command()
@matrix_options
@seeds_option
@format_option
@click.option("--write", is_flag=True, help="Put the table into the README.md beside MATRIX.")
@reference_option
def leaderboard(form: str, write: bool, reference: str | None, **given: Any) -> int:
    """Print the leaderboard of what is stored of MATRIX, and train nothing."""
    from mtbench.study.study import make_plan

    asked = _read_study(reference, **given)
    beside = given["matrix_path"] if write else None
    plan = make_plan(**asked, stored_only=True)
    return _print_board(plan, form, beside)


def _print_plan(plan: Plan, store: Store, form: str, jobs: int | None = None) -> int:
    from mtbench.study.plan_rendering import PLAN_FORMATS
    from mtbench.study.relatives import Relatives
    from mtbench.study.run_states import explained
    from mtbench.study.study import estimate

    relatives = Relatives(store)
    expected = estimate(plan, relatives, jobs)
    show_text(PLAN_FORMATS[form](explained(plan, relatives), expected))
    _warn_beside(plan, form)
    plan.check_sound()
    return ExitCode.DONE


def _print_board(plan: Plan, form: str, beside: Path | None = None) -> int:
    """Print the leaderboard, and put it into the README beside a matrix if one is given."""
    from mtbench.board.readme import write_table
    from mtbench.board.rendering import FORMATS, as_markdown
    from mtbench.board.standings import leaderboard as read
    from mtbench.evidence.outcomes import readable

    plan = readable(plan)
    board = read(plan)
    if beside is not None:
        plan.check_complete()  # a table with holes replaces no good one
        say(f"wrote {write_table(beside, as_markdown(board))}")
    show_text(FORMATS[form](board))
    _warn_beside(plan, form)
    plan.check_complete()
    return ExitCode.DONE


def _warn_beside(plan: Plan, form: str) -> None:
    """Say on stderr what was not checked, where the rows of a table have no place for it."""
    from mtbench.study.unchecked import unchecked

    for remark in unchecked(plan.cells) if form == "csv" else ():
        say(f"warning: {remark}")
