"""Commands over stored runs: ``status``, ``evaluate``, ``predict``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from mtbench.cli.options import (
    PathType,
    address_reader,
    data_option,
    device_option,
    files_option,
    format_option,
    name_option,
    open_store,
    overrides,
    store_option,
)
from mtbench.cli.tables import print_table
from mtbench.errors import ExitCode, UsageError
from mtbench.system.console import say, show, show_text

if TYPE_CHECKING:
    from mtbench.comparison.reader import Models, Reader
    from mtbench.protocols import BadRow, Split
    from mtbench.runs.prediction import Evaluated
    from mtbench.store import State

SHOWN = 20
"""How many rows that are left out of one file a command warns of one by one."""

STATES = ("done", "failed", "running", "missing", "damaged")

split_option = click.option(
    "--split", type=click.Choice(("dev", "test")), default="dev", show_default=True
)


def address_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what it takes to find runs by their addresses."""
    for option in (store_option, partial(files_option, beside=False), device_option, data_option):
        command = option(command)
    return command


def _reader(data_dir: Path | None, device: str, plugin_files: Sequence[Path]) -> Reader:
    return address_reader(plugin_files, overrides((), (), None, data_dir), device)


@click.command()
@click.argument("address", metavar="[RUN]", required=False)
@click.option("--log", is_flag=True, help="Print what the run's process printed.")
@name_option
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Only runs in that state; may be given again.",
)
@format_option
@address_options
def status(
    address: str | None,
    *,
    log: bool,
    expression: str | None,
    states: Sequence[State],
    form: str,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    store_dir: Path,
) -> int:
    """List the stored runs, or those of RUN; show a single one in full.

    RUN is a run (the start of its key, or its folder), or a cell (MATRIX::CELL, a part of its name
    will do), a seed of it ('MATRIX::CELL [seed 0]'), or MATRIX; a store folder may stand for it.
    """
    from mtbench.cli.overview import STATUS_FORMATS, run_details, runs
    from mtbench.comparison.reader import ListedRun

    store = open_store(store_dir)
    alone = False
    if address is None:
        listed = [ListedRun(store.run(key)) for key in store.keys()]  # noqa: SIM118 - no dict
    else:
        from mtbench.comparison.addresses import read_address

        listed = _reader(data_dir, device, plugin_files).listed(address, store)
        alone = len(listed) == 1 and not read_address(address).is_whole
    if log:
        if not alone:
            raise UsageError("--log: of which run? 'mtbench status' lists them")
        for line in (listed[0].folder.log() if listed[0].folder else "").splitlines():
            show(line.expandtabs())
        return ExitCode.DONE
    if alone and form == "rich" and expression is None and not states:
        details, scores = run_details(*listed[0])
        for name, text in details.items():
            show(f"{name}: {text}")
        print_table("scores", scores)
        return ExitCode.DONE
    records = runs(listed, expression, states)
    if records or form in ("csv", "json"):
        show_text(STATUS_FORMATS[form](records))
    else:
        which = " such" if listed and (expression is not None or states) else ""
        show(f"no{which} runs in {address or store.root}")
    return ExitCode.DONE


@click.command()
@click.argument("address", metavar="RUN")
@split_option
@address_options
def evaluate(
    address: str,
    split: str,
    *,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    store_dir: Path,
) -> int:
    """Score the model of RUN on a split; readings of test labels are logged.

    RUN is a run (the start of its key, or its folder) or a cell, each seed of which is scored:
    MATRIX::CELL, or STORE::CELL; a part of its name will do. 'MATRIX::CELL [seed 0]' is one.
    """
    from mtbench.cli.overview import metric_records
    from mtbench.devices import choose
    from mtbench.runs.prediction import evaluate as score
    from mtbench.store import test_uses

    models = _models(address, data_dir, device, plugin_files, store_dir)
    place, warned = choose(device), set[str]()
    for name, folder in models.folders.items():
        evaluated = score(
            folder, cast("Split", split), data_dir, device=place, plugins=models.plugins
        )
        records = metric_records({split: evaluated.scores}, {split: evaluated.overall})
        print_table(name if models.seeds else "", records)
        if split == "test":
            show("")
            show(test_uses.summary(test_uses.of_study(folder)))
        for warning in _warnings(evaluated, split):
            if warning not in warned:  # the seeds of a cell have the same data
                say(f"warning: {warning}")
        warned.update(_warnings(evaluated, split))
    if models.problem is not None:
        raise models.problem
    return ExitCode.DONE


def _models(
    address: str,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    store_dir: Path,
) -> Models:
    models = _reader(data_dir, device, plugin_files).models(address, open_store(store_dir))
    if models.remark:
        say(f"warning: {address}: {models.remark}")
    return models


def _warnings(evaluated: Evaluated, split: str) -> Iterator[str]:
    """Yield what a reader of the scores must know of the data."""
    from mtbench.data.report import lines

    for task, rows in evaluated.left_out.items():
        yield from _shortened(f"the scores of {task} leave out", rows)
    for task, texts in evaluated.texts.items():
        for line in lines(texts):
            yield f"{task} {split}: {line}"
        if texts.shared is None:
            unknown = "texts that are in train as well are not counted: train cannot be read"
            yield f"{task} {split}: {unknown}"


@click.command()
@click.argument("address", metavar="RUN")
@split_option
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=PathType(file_okay=False),
    help="Where the files go.",
)
@address_options
def predict(
    address: str,
    split: str,
    out: Path,
    *,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    store_dir: Path,
) -> int:
    """Write the predictions of RUN on a split, in the CS224N leaderboard's format.

    RUN is a run (the start of its key, or its folder), a cell of one seed (MATRIX::CELL, or
    STORE::CELL; a part of its name will do), or a seed of a cell: 'MATRIX::CELL [seed 0]'.
    """
    from mtbench.devices import choose
    from mtbench.runs.prediction import write_predictions

    models = _models(address, data_dir, device, plugin_files, store_dir)
    if len(models.seeds) > 1:
        raise UsageError(
            f"{address}: of which seed ({', '.join(map(str, models.seeds))})? "
            f"'{address} [seed {models.seeds[0]}]' is one"
        )
    (folder,) = models.folders.values()
    asked, place = cast("Split", split), choose(device)
    for written in write_predictions(
        folder, asked, out, data_dir, device=place, plugins=models.plugins
    ):
        show(written.file)
        for warning in _shortened("no prediction for", written.left_out):
            say(f"warning: {warning}")
    return ExitCode.DONE


def _shortened(what: str, rows: Sequence[BadRow]) -> Iterator[str]:
    """Yield the rows that could not be read by themselves, up to a number."""
    for row in rows[:SHOWN]:
        yield f"{what} {row}"
    if (more := len(rows) - SHOWN) > 0:
        yield f"{what} {more} more, of {len(rows)} rows"
