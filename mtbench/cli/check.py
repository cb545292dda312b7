"""The command ``check``: the gate of continuous integration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtbench.cli.options import (
    PathType,
    format_option,
    load_registry,
    matrix_options,
    open_store,
    overrides,
    seeds_option,
)
from mtbench.errors import ExitCode, UsageError
from mtbench.system.console import say, show_document

if TYPE_CHECKING:
    from mtbench.gate.gatekeeper import Gatekeeper
    from mtbench.gate.verdicts import GateReport


@click.command()
@matrix_options
@seeds_option
@format_option
@click.option(
    "--baseline",
    metavar="DIR",
    type=PathType(file_okay=False),
    help="Folder of baseline.json and baseline.npz.  [default: that of MATRIX]",
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
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs at a time.  [default: cores/threads; 1 on a CUDA device]",
)
@click.option("--no-train", is_flag=True, help="Compare what is stored, and train nothing.")
def check(
    *,
    form: str,
    update: bool,
    strict: bool,
    extend: int | None,
    junit: Path | None,
    **given: Any,
) -> int:
    """Hold MATRIX against its baseline, and fail where it regressed."""
    if update and (strict or extend or junit):
        raise UsageError("--update compares nothing: leave out --strict, --extend and --junit")
    keeper = _gatekeeper(**given)
    if update:
        written = keeper.update()
        for remark in written.remarks:
            say(f"warning: {remark}")
        for file in written.files:
            say(f"wrote {file}")
        return ExitCode.DONE
    if junit is not None:
        from mtbench.gate.junit import OPTION
        from mtbench.system.outputs import check_writable

        check_writable(junit, option=OPTION)  # before the hours of training
    report = keeper.check(strict=strict, extend=extend or 0)
    _tell(report, form, junit, given["matrix_path"])
    return report.exit_code


def _gatekeeper(
    *,
    matrix_path: Path,
    axes: tuple[str, ...],
    settings: tuple[str, ...],
    expression: str | None,
    data_dir: Path | None,
    device: str,
    plugin_files: list[Path],
    blocked: list[str],
    store_dir: Path,
    seeds: int | None,
    baseline: Path | None,
    jobs: int | None,
    no_train: bool,
) -> Gatekeeper:
    from mtbench.devices import choose
    from mtbench.gate.gatekeeper import Gatekeeper
    from mtbench.study.progress import observing

    return Gatekeeper(
        matrix_path,
        load_registry(plugin_files, blocked),
        open_store(store_dir),
        observing,
        overrides=overrides(settings, axes, seeds, data_dir),
        expression=expression,
        device=choose(device),
        jobs=jobs,
        plugins=plugin_files,
        blocked=blocked,
        train=not no_train,
        folder=baseline,
    )


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
        say(f"warning: {error}")
