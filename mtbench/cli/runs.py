"""Commands over stored runs: ``status``, ``evaluate``, ``predict``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from mtbench.cli.options import (
    all_of,
    cells_option,
    data_option,
    device_option,
    folder_option,
    format_option,
    plugins_option,
    store_option,
)
from mtbench.errors import ExitCode, UsageError
from mtbench.system.console import show, show_document, warn

if TYPE_CHECKING:
    from mtbench.cli.run_documents import Scores
    from mtbench.comparison.reader import Models
    from mtbench.protocols import BadRow, Split
    from mtbench.runs.prediction import Evaluated
    from mtbench.store import State
    from mtbench.study.setup import Setup

ROWS_TOLD = 20
"""How many rows that are left out of one file a command warns of one by one."""

STATES = ("done", "failed", "running", "missing", "damaged")

split_option = click.option(
    "--split", type=click.Choice(("dev", "test")), default="dev", show_default=True
)


address_options = all_of(
    data_option, device_option, partial(plugins_option, beside=False), store_option
)
"""What it takes to find runs by their addresses."""


@click.command()
@click.argument("address", metavar="[RUN]", required=False)
@click.option("--log", is_flag=True, help="Print what the run's process printed.")
@cells_option
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
    cells: str | None,
    states: Sequence[State],
    form: str,
    **given: Any,
) -> int:
    """List the stored runs, or those of RUN; show a single one in full.

    RUN is a run (the start of its key, or its folder), or a cell (MATRIX::CELL, a part of its name
    will do), a seed of it ('MATRIX::CELL [seed 0]'), or MATRIX; a store folder may stand for it.
    """
    from mtbench.cli.run_documents import run_document, runs, runs_document
    from mtbench.comparison.reader import ListedRun
    from mtbench.study.setup import Setup

    setup = Setup(**given, cells=cells, warn=warn)
    store = setup.store
    alone = False
    if address is None:
        listed = [ListedRun(store.run(key)) for key in store.keys()]  # noqa: SIM118 - no dict
    else:
        from mtbench.comparison.addresses import read_address
        from mtbench.comparison.reader import Reader

        listed = Reader(setup).listed(address)
        alone = len(listed) == 1 and not read_address(address).is_whole
    if log:
        if not alone:
            raise UsageError("--log: of which run? 'mtbench status' lists them")
        for line in (listed[0].folder.log() if listed[0].folder else "").splitlines():
            show(line.expandtabs())
        return ExitCode.DONE
    if alone and cells is None and not states:
        show_document(run_document(*listed[0]), form)
        return ExitCode.DONE
    which = " such" if listed and (cells is not None or states) else ""
    none = f"no{which} runs in {address or store.root}"
    show_document(runs_document(runs(listed, cells, states), none), form)
    return ExitCode.DONE


@click.command()
@click.argument("address", metavar="RUN")
@split_option
@address_options
def evaluate(address: str, split: str, **given: Any) -> int:
    """Score the model of RUN on a split; readings of test labels are logged.

    RUN is a run (the start of its key, or its folder) or a cell, each seed of which is scored:
    MATRIX::CELL, or STORE::CELL; a part of its name will do. 'MATRIX::CELL [seed 0]' is one.
    """
    from mtbench.cli.run_documents import mean_table, scores_table
    from mtbench.rendering.document import Document
    from mtbench.runs.prediction import evaluate as score
    from mtbench.store import test_uses

    setup, models = _models(address, **given)
    warned = set[str]()
    scored: list[tuple[Scores, float | None]] = []
    for name, folder in models.folders.items():
        evaluated = score(
            folder,
            cast("Split", split),
            setup.data,
            device=setup.device,
            plugins=models.plugins,
        )
        title = name if models.seeds else ""
        table = scores_table(title, {split: evaluated.scores}, {split: evaluated.overall})
        if scored:
            show("")
        show_document(Document("", [table]))
        scored.append((evaluated.scores, evaluated.overall))
        if split == "test":
            show("")
            show(test_uses.summary(test_uses.of_study(folder)))
        for warning in _warnings(evaluated, split):
            if warning not in warned:  # the seeds of a cell have the same data
                warn(warning)
        warned.update(_warnings(evaluated, split))
    if len(scored) > 1:
        show("")
        show_document(Document("", [mean_table(split, scored)]))
    if models.problem is not None:
        raise models.problem
    return ExitCode.DONE


def _models(address: str, **given: Any) -> tuple[Setup, Models]:
    """Return what the options say, and the runs that an address names."""
    from mtbench.comparison.reader import Reader
    from mtbench.study.setup import Setup

    setup = Setup(**given, warn=warn)
    models = Reader(setup).models(address)
    if models.remark:
        warn(f"{address}: {models.remark}")
    return setup, models


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
@folder_option("--out", required=True, help="Where the files go.")
@address_options
def predict(address: str, split: str, out: Path, **given: Any) -> int:
    """Write the predictions of RUN on a split, in the CS224N leaderboard's format.

    RUN is a run (the start of its key, or its folder), a cell of one seed (MATRIX::CELL, or
    STORE::CELL; a part of its name will do), or a seed of a cell: 'MATRIX::CELL [seed 0]'.
    """
    from mtbench.runs.prediction import write_predictions

    setup, models = _models(address, **given)
    if len(models.seeds) > 1:
        raise UsageError(
            f"{address}: of which seed ({', '.join(map(str, models.seeds))})? "
            f"'{address} [seed {models.seeds[0]}]' is one"
        )
    (folder,) = models.folders.values()
    for written in write_predictions(
        folder,
        cast("Split", split),
        out,
        setup.data,
        device=setup.device,
        plugins=models.plugins,
    ):
        show(f"{written.file} (replaced)" if written.replaced else written.file)
        for warning in _shortened("no prediction for", written.left_out):
            warn(warning)
    return ExitCode.DONE


def _shortened(what: str, rows: Sequence[BadRow]) -> Iterator[str]:
    """Yield the rows that could not be read by themselves, up to a number."""
    for row in rows[:ROWS_TOLD]:
        yield f"{what} {row}"
    if (more := len(rows) - ROWS_TOLD) > 0:
        yield f"{what} {more} more, of {len(rows)} rows"
