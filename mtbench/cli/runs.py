"""Commands over stored runs: ``status``, ``evaluate``, ``predict``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from mtbench.cli.options import (
    PathType,
    data_option,
    device_option,
    files_option,
    open_store,
    store_option,
)
from mtbench.cli.tables import print_table
from mtbench.console import say, show
from mtbench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mtbench.protocols import BadRow, Split

SHOWN = 20
"""How many rows that are left out of one file a command warns of one by one."""

split_option = click.option(
    "--split", type=click.Choice(("dev", "test")), default="dev", show_default=True
)


@click.command()
@click.argument("run", required=False)
@click.option("--log", is_flag=True, help="Print what the run's process printed.")
@store_option
def status(run: str | None, log: bool, store_dir: Path) -> int:
    """List the stored runs, or show RUN (the start of its key)."""
    from mtbench.overview import run_details, runs

    store = open_store(store_dir)
    if run is None:
        if log:
            raise UsageError("--log: of which run? 'mtbench status' lists them")
        print_table("", runs(store), empty=f"no runs in {store.root}")
        return ExitCode.DONE
    folder = store.find(run)
    if log:
        for line in folder.log().splitlines():
            show(line.expandtabs())
        return ExitCode.DONE
    details, scores = run_details(folder)
    for name, text in details.items():
        show(f"{name}: {text}")
    print_table("scores", scores)
    return ExitCode.DONE


@click.command()
@click.argument("run")
@split_option
@data_option
@device_option
@files_option
@store_option
def evaluate(
    run: str,
    split: str,
    *,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    store_dir: Path,
) -> int:
    """Score the model of RUN on a split; readings of test labels are logged."""
    from mtbench.data_report import lines
    from mtbench.devices import choose
    from mtbench.held_out import told, uses_of_study
    from mtbench.overview import metric_records
    from mtbench.prediction import evaluate as score

    folder = open_store(store_dir).find(run)
    place = choose(device)
    evaluated = score(folder, cast("Split", split), data_dir, device=place, plugins=plugin_files)
    print_table("", metric_records({split: evaluated.scores}, {split: evaluated.overall}))
    if split == "test":
        show("")
        show(told(uses_of_study(folder)))
    for task, rows in evaluated.left_out.items():
        _warn(f"the scores of {task} leave out", rows)
    for task, texts in evaluated.texts.items():
        for line in lines(texts):
            say(f"warning: {task} {split}: {line}")
        if texts.shared is None:
            unknown = "texts that are in train as well are not counted: train cannot be read"
            say(f"warning: {task} {split}: {unknown}")
    return ExitCode.DONE


@click.command()
@click.argument("run")
@split_option
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=PathType(file_okay=False),
    help="Where the files go.",
)
@data_option
@device_option
@files_option
@store_option
def predict(
    run: str,
    split: str,
    out: Path,
    *,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    store_dir: Path,
) -> int:
    """Write the predictions of RUN on a split, in the CS224N leaderboard's format."""
    from mtbench.devices import choose
    from mtbench.prediction import write_predictions

    folder = open_store(store_dir).find(run)
    asked, place = cast("Split", split), choose(device)
    for written in write_predictions(
        folder, asked, out, data_dir, device=place, plugins=plugin_files
    ):
        show(written.file)
        _warn("no prediction for", written.left_out)
    return ExitCode.DONE


def _warn(what: str, rows: Sequence[BadRow]) -> None:
    """Warn of rows that could not be read, by themselves up to a number."""
    for row in rows[:SHOWN]:
        say(f"warning: {what} {row}")
    if (more := len(rows) - SHOWN) > 0:
        say(f"warning: {what} {more} more, of {len(rows)} rows")
