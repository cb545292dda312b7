"""The command ``check``: the gate of continuous integration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtbench.cli.options import (
    PathType,
    folder_option,
    format_option,
    jobs_option,
    matrix_options,
    read_study,
    seeds_option,
)
from mtbench.errors import ExitCode, UsageError
from mtbench.system.console import say, show_document, warn

if TYPE_CHECKING:
    from mtbench.gate.verdicts import GateReport


@click.command()
@matrix_options
@seeds_option
@format_option
@folder_option(
    "--baseline", help="Folder of baseline.json and baseline.npz.  [default: that of MATRIX]"
)
@click.option("--update", is_flag=True, help="Write the baseline anew, and compare nothing.")
@click.option("--strict", is_flag=True, help="Fail, with 4, on what is inconclusive as well.")
@click.option(
    "--extend",
    type=click.IntRange(min=1),
    metavar="N",
    help="Train N more seeds of cells that are inconclusive, once.",
)
@click.option(
    "--junit",
    metavar="FILE",
    type=PathType(dir_okay=False),
    help="Write the report as JUnit XML too.",
)
@jobs_option
@click.option("--no-train", is_flag=True, help="Compare what is stored, and train nothing.")
def check(
    *,
    form: str,
    update: bool,
    strict: bool,
    extend: int | None,
    junit: Path | None,
    baseline: Path | None,
    jobs: int | None,
    no_train: bool,
    **given: Any,
) -> int:
    """Hold MATRIX against its baseline, and fail where it regressed."""
    if update and (strict or extend or junit):
        raise UsageError("--update compares nothing: leave out --strict, --extend and --junit")
    study = read_study(**given)
    keeper = study.gatekeeper(baseline=baseline, train=not no_train, jobs=jobs)
    if update:
        written = keeper.update()
        for remark in written.remarks:
            warn(remark)
        for file in written.files:
            say(f"wrote {file}")
        return ExitCode.DONE
    if junit is not None:
        from mtbench.gate.junit import OPTION
        from mtbench.system.outputs import check_writable

        check_writable(junit, option=OPTION)  # before the hours of training
    report = keeper.check(strict=strict, extend=extend or 0)
    _tell(report, form, junit, given["matrix"])
    return report.exit_code


def _tell(report: GateReport, form: str, junit: Path | None, matrix: Path) -> None:
    """Print the report, and write it where else it is wanted."""
    from mtbench.gate.annotations import on_github, workflow_commands, write_summary
    from mtbench.gate.document import document, summary
    from mtbench.gate.junit import write_junit

    show_document(document(report), form)
    if form in ("csv", "json"):  # which have no line for people
        say(summary(report))
    if on_github():
        for line in workflow_commands(report, matrix):
            say(line)
        _try(partial(write_summary, report))
    if junit is not None:
        _try(partial(write_junit, junit, report))


def _try(write: Callable[[], None]) -> None:
    """Write a copy of the report; the verdict stands where that cannot be."""
    try:
        write()
    except UsageError as error:
        warn(error)
