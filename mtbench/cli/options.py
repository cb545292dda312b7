"""Options that commands share, and what they are read into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from mtbench.cli.values import parse_values, read_values
from mtbench.data.files import nearest_beside
from mtbench.errors import UsageError
from mtbench.matrix.locations import MATRIX
from mtbench.rendering import FORMS
from mtbench.system.bounds import check_path
from mtbench.system.console import say

if TYPE_CHECKING:
    from mtbench.comparison.reader import Reader
    from mtbench.components.registry import Registry
    from mtbench.matrix.file import Matrix
    from mtbench.matrix.overrides import Overrides
    from mtbench.store import Store
    from mtbench.study.plan import Plan

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
            self.fail(f"{value}: there is no such folder{hint}", param, ctx)
        return super().convert(value, param, ctx)


class MatrixType(PathType):
    """The path of a matrix file, or of its folder."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        del param
        if ctx is not None and Path(MATRIX).is_file():
            return f"Here is {MATRIX}: '{ctx.command_path} {MATRIX}'"
        return "'mtbench init' writes one."


store_option = click.option(
    "--store",
    "store_dir",
    default=".mtbench",
    show_default=True,
    metavar="DIR",
    type=PathType(file_okay=False),
    help="Where runs are stored.",
)
data_option = click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    type=PathType(file_okay=False, exists=True),
    help="Folder of the data sets; over data.dir and MTBENCH_DATA.",
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda|cuda:N",
    help="Where to compute; auto is a CUDA device where there is one, else the CPU.",
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice([*FORMS]),
    default="text",
    help="How to print it; text is for people.",
)

name_option = click.option(
    "-k", "expression", metavar="EXPR", help="Only cells with such names: 'a and not b'."
)
seeds_option = click.option("--seeds", type=click.IntRange(min=1), help="Number of seeds.")


def plugin_option(command: Command, *, beside: bool = True) -> Command:
    """Add ``-p`` to ``files_option``; the command is given ``blocked`` too."""

    @wraps(command)
    def with_blocked(**given: Any) -> Any:
        given["blocked"] = [_blocked(text) for text in given["blocked"]]
        return command(**given)

    add_blocked = click.option(
        "-p",
        "blocked",
        multiple=True,
        metavar="no:NAME",
        help="Leave out the plugin of that name (distribution, entry point, "
        "DISTRIBUTION/ENTRYPOINT or file without .py); may be given again.",
    )
    return files_option(cast("Command", add_blocked(with_blocked)), beside=beside)


def files_option(command: Command, *, beside: bool = True) -> Command:
    """Add ``--plugin``; the command is given ``plugin_files``.

    Args:
        beside: whether the ``mtbenchfile.py`` beside the command's matrix is among the files, or
            that of the working directory where none is given.
    """

    @wraps(command)
    def with_unasked(**given: Any) -> Any:
        from mtbench.components.plugin_files import with_file_beside

        if beside:
            place = given.get("matrix_path") or Path()
            given["plugin_files"] = with_file_beside(given["plugin_files"], place)
        return command(**given)

    more = ", beside mtbenchfile.py" if beside else ""
    add_files = click.option(
        "--plugin",
        "plugin_files",
        multiple=True,
        metavar="FILE",
        type=PathType(),
        help=f"A Python file that is a plugin{more}; may be given again.",
    )
    return cast("Command", add_files(with_unasked))


def _blocked(text: str) -> str:
    no, _, name = text.partition(":")
    if no != "no" or not name:
        raise UsageError(f"-p {text!r}: expected no:NAME")
    return name


def matrix_options(command: Command, *, required: bool = True) -> Command:
    """Add a matrix, and what every command that takes one takes beside it, ``--seeds`` aside."""
    argument = click.argument(
        "matrix_path",
        metavar="MATRIX" if required else "[MATRIX]",
        required=required,
        type=MatrixType(),
    )
    return argument(study_options(command))


def study_options(command: Command, *, beside: bool = True) -> Command:
    """Add what lies over a matrix, which plugins, data and device there are, and the store.

    Args:
        beside: as for ``files_option``.
    """
    options: list[Callable[[Command], Command]] = [
        click.option(
            "--axis",
            "axes",
            multiple=True,
            metavar="KEY=V1,V2",
            help="Add an axis, or give one of the file other values; may be given again.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set a key in every cell, such as train.lr=1e-4; may be given again.",
        ),
        name_option,
        data_option,
        device_option,
        partial(plugin_option, beside=beside),
        store_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def overrides(
    settings: Sequence[str], axes: Sequence[str], seeds: int | None, data_dir: Path | None
) -> Overrides:
    """Read ``--set``, ``--axis``, ``--seeds`` and ``--data``."""
    from mtbench.matrix.overrides import Overrides

    chosen = read_values("--set", settings)
    if data_dir is not None:
        chosen["data.dir"] = str(data_dir)
    return Overrides(
        set=chosen,
        axes=read_values("--axis", axes, parse_values),
        seeds=seeds,
    )


def open_registry(files: Sequence[Path], blocked: Sequence[str] = ()) -> Registry:
    """Load all plugins but those that are blocked."""
    from mtbench.components.plugin_files import tell
    from mtbench.components.registry import Registry

    tell(files, blocked)
    registry = Registry.load(files, blocked)
    registry.check_blocked(blocked)
    return registry


def load_registry(files: Sequence[Path], blocked: Sequence[str] = ()) -> Registry:
    """Load all plugins but those that are blocked, and say on stderr which are broken."""
    registry = open_registry(files, blocked)
    registry.tell(lambda problem: say(f"warning: {problem}"))
    return registry


def open_store(directory: Path) -> Store:
    """Return the store of a folder."""
    from mtbench.store import Store

    return Store(directory)


def address_reader(
    plugin_files: Sequence[Path],
    laid_over: Overrides,
    device: str,
    *,
    expression: str | None = None,
    blocked: Sequence[str] = (),
) -> Reader:
    """Return what finds the runs that addresses name; each matrix has the plugin file beside it.

    Args:
        plugin_files: that were given, and no other.
    """
    from mtbench.comparison.reader import Reader
    from mtbench.components.plugin_files import with_file_beside
    from mtbench.devices import choose

    load = partial(load_registry, blocked=blocked)
    files = partial(with_file_beside, plugin_files)
    return Reader(load, laid_over, expression, choose(device), files)


def read_plan(*, stored_only: bool = False, **given: Any) -> tuple[Plan, Store]:
    """Return the plan that a command's options ask for, and the store."""
    from mtbench.study.study import make_plan

    asked = read_study(**given)
    return make_plan(**asked, stored_only=stored_only), asked["store"]


def read_study(
    *,
    matrix_path: Path | Matrix,
    axes: Sequence[str],
    settings: Sequence[str],
    expression: str | None,
    data_dir: Path | None,
    device: str,
    plugin_files: Sequence[Path],
    blocked: Sequence[str],
    store_dir: Path,
    seeds: int | None = None,
) -> dict[str, Any]:
    """Return what the functions of ``study`` are given by a command's options."""
    from mtbench.devices import choose

    return {
        "store": open_store(store_dir),
        "matrix": matrix_path,
        "overrides": overrides(settings, axes, seeds, data_dir),
        "registry": load_registry(plugin_files, blocked),
        "expression": expression,
        "device": choose(device),
    }
