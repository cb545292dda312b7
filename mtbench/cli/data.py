"""Commands over data: ``data status``, ``data fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mtbench.cli.options import (
    PathType,
    blocked_option,
    data_option,
    folder_option,
    format_option,
    plugins_option,
    table_option,
)
from mtbench.errors import ExitCode, UsageError
from mtbench.system.console import say, show, show_document, warn

if TYPE_CHECKING:
    from mtbench.data.status import SplitStatus


@click.group()
def data() -> None:
    """Look at the data sets, or get public copies of them."""


@data.command("status")
@click.argument("matrix", required=False, type=PathType())
@table_option(
    "--set",
    "set",
    metavar="KEY=VALUE",
    help="Set a key in every cell of MATRIX; may be given again.",
)
@data_option
@plugins_option
@blocked_option
@format_option
def status(matrix: Path | None, data: Path | None, form: str, **given: Any) -> int:
    """Show rows, labels, fingerprint, layout and odd rows of every split.

    Of the tasks of MATRIX, with what its tokenizers cut and find empty; without it, of all tasks
    that need no parameters. Exits with 2 where train or dev cannot be read, or test is broken.
    """
    from mtbench.cli.data_document import MatrixData, default_tasks, document, errors, of_matrix
    from mtbench.components.attribution import naming
    from mtbench.components.entries import label
    from mtbench.data import holds_nothing
    from mtbench.data.status import status as read
    from mtbench.study.resolution import default_data_folder
    from mtbench.study.setup import Setup

    if given["set"] and matrix is None:
        raise UsageError("--set: of which matrix? give it as MATRIX")
    setup = Setup(matrix, data=data, **given)
    registry = setup.load_plugins(warn)
    entries = [entry for entry in registry.entries if entry.spec.kind in ("task", "encoder")]
    with naming({label(entry): entry for entry in entries}):
        if matrix is not None:
            read_by = of_matrix(matrix, registry, setup.overrides)
        else:
            read_by = MatrixData(default_tasks(registry), default_data_folder())
        folder = data or read_by.folder
        statuses: list[SplitStatus] = []
        failed = False
        for name, task in read_by.tasks.items():
            splits = read({name: task}, folder, read_by.tokenisations)
            statuses += splits
            # Where no folder is named, tasks that read one are not there, and none is asked for.
            if matrix or folder:
                for problem in errors(splits, needed=matrix is not None):
                    say(f"error: {problem}")
                    failed = True
        if data is not None and not failed and holds_nothing(data, read_by.tasks.values()):
            say(f"error: --data {data}: the folder has no data of any task")
            failed = True
    show_document(document(read_by, folder, statuses), form)
    return ExitCode.USAGE if failed else ExitCode.DONE


@data.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAMES]")
@folder_option("--to", "folder", required=True, help="The data folder to put them into.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def fetch(names: tuple[str, ...], folder: Path, *, force: bool) -> int:
    """Get public copies of data sets from the Hugging Face Hub.

    NAMES are of sst5, qqp and stsb; without any, all are fetched. One that cannot be had stops
    none of the others.
    """
    from importlib.util import find_spec

    from mtbench.data import NotFetched, chosen
    from mtbench.data import fetch as get

    sources = chosen(names)
    failures: list[NotFetched] = []
    for source in sources:
        try:
            done = get(source, folder, force=force)
        except NotFetched as error:
            failures.append(error)
            continue
        origin = f"{source.repository} at {source.revision[:12]}"
        kept = f"; kept {', '.join(done.kept)} (--force overwrites)" if done.kept else ""
        if done.altered:
            kept += f"; not as published: {', '.join(done.altered)}"
        show(f"{source.name}: wrote {', '.join(done.written) or 'nothing'} ({origin}){kept}")
        show(f"{source.name}: terms: {source.terms}")
    if failures:
        *others, last = failures
        for failure in others:
            say(f"error: {failure}")
        raise last
    if any(source.parquet for source in sources) and find_spec("pyarrow") is None:
        show("these are Parquet files; to read them: pip install 'mtl-bench[parquet]'")
    return ExitCode.DONE
