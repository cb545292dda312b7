"""The command ``bench``: what a step of each cell of a matrix takes."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from mtbench.cli.options import format_option, matrix_options, read_plan
from mtbench.errors import ExitCode
from mtbench.system.console import say, show_text


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
def bench(form: str, steps: int, matrix_path: Path | None, **given: Any) -> int:
    """Time a training step of each cell of MATRIX; without it, of two small cells."""
    from mtbench.bench.bench import DEFAULT, check_complete
    from mtbench.bench.bench import bench as measure
    from mtbench.bench.rendering import BENCH_FORMATS
    from mtbench.study.timings import store_timings

    plan, store = read_plan(matrix_path=matrix_path or DEFAULT, **given)
    files, blocked = given["plugin_files"], given["blocked"]
    measured = measure(plan, store, files, steps, say, blocked=blocked)
    show_text(BENCH_FORMATS[form](measured))
    for cell in measured.cells:
        if cell.log:
            say("")
            say(f"log of {cell.name}:")
            for line in cell.log.splitlines():
                say(line.expandtabs())
    # Only now: a full disk takes no numbers away.
    store_timings(store, measured, [cell.identified for cell in plan.cells])
    check_complete(measured)
    return ExitCode.DONE
