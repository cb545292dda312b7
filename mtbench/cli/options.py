"""Options that commands share, called and read as ``Setup`` has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mtbench.cli.values import parse_value, parse_values, read_values
from mtbench.data.files import nearest_beside
from mtbench.errors import UsageError
from mtbench.matrix.locations import MATRIX
from mtbench.rendering import FORMS
from mtbench.rendering.escaping import visible
from mtbench.system.bounds import check_path
from mtbench.system.console import warn

if TYPE_CHECKING:
    from mtbench.interface import Study

Command = TypeVar("Command", bound=Callable[..., Any])


class PathType(click.Path):
    """A path that the system can follow, whether something lies there or not."""

    def __init__(self, **kinds: bool) -> None:
        super().__init__(path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            check_path(Path(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)
        if self.exists and not Path(value).exists():
            guess = nearest_beside(Path(value))
            hint = f"; did you mean {guess!r}?" if guess else ""
            self.fail(f"{visible(str(value))}: there is no such folder{hint}", param, ctx)
        return super().convert(value, param, ctx)


class MatrixType(PathType):
    """The path of a matrix file, or of its folder."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        del param
        if ctx is not None and Path(MATRIX).is_file():
            return f"Here is {MATRIX}: '{ctx.command_path} {MATRIX}'"
        return "'mtbench init' writes one."


format_option = click.option(
    "--format",
    "form",
    type=click.Choice([*FORMS]),
    default="text",
    help="How to print it; text is for people.",
)


def table_option(
    option: str, name: str, parse: Callable[[str], Any] = parse_value, **described: Any
) -> Callable[[Command], Command]:
    """Return an option that is given keys with values; the command is given a dict."""

    def read(context: click.Context, _: click.Parameter, typed: Sequence[str]) -> dict[str, Any]:
        context.meta[option] = typed  # as it may have to be typed again
        return read_values(option, typed, parse)

    return click.option(option, name, multiple=True, callback=read, **described)


def _blocked(context: click.Context, _: click.Parameter, typed: Sequence[str]) -> list[str]:
    context.meta["-p"] = typed
    for text in typed:
        if not text.startswith("no:") or text == "no:":
            raise UsageError(f"-p {text!r}: expected no:NAME")
    return [text.removeprefix("no:") for text in typed]


def folder_option(
    *names: str, exists: bool = False, **described: Any
) -> Callable[[Command], Command]:
    """Return an option that is given a folder."""
    folder = PathType(file_okay=False, exists=exists)
    return click.option(*names, metavar="DIR", type=folder, **described)


axes_option = table_option(
    "--axis",
    "axes",
    parse_values,
    metavar="KEY=V1,V2",
    help="Add an axis, or give one of the file other values; may be given again.",
)
set_option = table_option(
    "--set",
    "set",
    metavar="KEY=VALUE",
    help="Set a key in every cell, such as train.lr=1e-4; may be given again.",
)
cells_option = click.option(
    "-k", "--cells", metavar="EXPR", help="Only cells with such names: 'a and not b'."
)
data_option = folder_option(
    "--data", exists=True, help="Folder of the data sets; over data.dir and MTBENCH_DATA."
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda|cuda:N",
    help="Where to compute; auto is a CUDA device where there is one, else the CPU.",
)
blocked_option = click.option(
    "-p",
    "blocked",
    multiple=True,
    callback=_blocked,
    metavar="no:NAME",
    help="Leave out the plugin of that name (distribution, entry point, "
    "DISTRIBUTION/ENTRYPOINT or file without .py); may be given again.",
)
store_option = folder_option(
    "--store", default=".mtbench", show_default=True, help="Where runs are stored."
)
seeds_option = click.option("--seeds", type=click.IntRange(min=1), help="Number of seeds.")
reference_option = click.option(
    "--reference",
    metavar="CELL",
    help="The cell that all others are compared with.  [default: what MATRIX says]",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs at a time.  [default: cores/threads; 1 on a CUDA device]",
)


def plugins_option(command: Command, *, beside: bool = True) -> Command:
    """Add ``--plugin``.

    Args:
        beside: whether its help says that the ``mtbenchfile.py`` beside the matrix, or in the
            working directory, is loaded unasked.
    """
    more = ", beside mtbenchfile.py" if beside else ""
    add = click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="FILE",
        type=PathType(),
        help=f"A Python file that is a plugin{more}; may be given again.",
    )
    return add(command)


def all_of(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return what adds several options, listed by the help in their order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _study_options(*, beside: bool) -> Callable[[Command], Command]:
    plugins = partial(plugins_option, beside=beside)
    return all_of(
        axes_option,
        set_option,
        cells_option,
        data_option,
        device_option,
        plugins,
        blocked_option,
        store_option,
    )


study_options = _study_options(beside=False)
"""What lies over a matrix, which plugins, data and device there are, and the store."""


def matrix_options(command: Command, *, required: bool = True) -> Command:
    """Add a matrix, and what every command that takes one takes beside it, ``--seeds`` aside."""
    argument = click.argument(
        "matrix",
        metavar="MATRIX" if required else "[MATRIX]",
        required=required,
        type=MatrixType(),
    )
    return argument(_study_options(beside=True)(command))


def read_study(*, matrix: Any = None, **given: Any) -> Study:
    """Return the study that a command's options say; what is wrong with it is said on stderr."""
    from mtbench.interface import Study

    return Study(matrix, **given, warn=warn)
