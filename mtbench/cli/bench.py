"""The command ``bench``: what a step of each cell of a matrix takes."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from mtbench.cli.options import format_option, matrix_options, read_study
from mtbench.errors import ExitCode
from mtbench.system.console import say, show_document


@click.command()
@partial(matrix_options, required=False)
@format_option
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Steps that are timed, a cell.",
)
def bench(form: str, steps: int, matrix: Path | None, **given: Any) -> int:
    """Time a training step of each cell of MATRIX; without it, of two small cells."""
    from mtbench.bench.bench import DEFAULT, check_complete
    from mtbench.bench.bench import bench as measure
    from mtbench.bench.document import document
    from mtbench.study.study import Session
    from mtbench.study.timings import store_timings

    study = read_study(matrix=matrix or DEFAULT, **given)
    plan = Session(study).plan()
    measured = measure(plan, study, steps, say)
    show_document(document(measured), form)
    for cell in measured.cells:
        if cell.log:
            say("")
            say(f"log of {cell.name}:")
            for line in cell.log.splitlines():
                say(line.expandtabs())
    # Only now: a full disk takes no numbers away.
    store_timings(study.store, measured, [cell.identified for cell in plan.cells])
    check_complete(measured)
    return ExitCode.DONE
