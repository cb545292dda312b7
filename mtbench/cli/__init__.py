"""The command line: every command parses, calls the harness and prints."""

import gc
import io
import sys
from pathlib import Path
from typing import Any

import click

from mtbench.cli.ablate import ablate, leaderboard, plan
from mtbench.cli.bench import bench
from mtbench.cli.check import check
from mtbench.cli.compare import compare
from mtbench.cli.data import data
from mtbench.cli.init import init
from mtbench.cli.plugins import plugins
from mtbench.cli.runs import evaluate, predict, status
from mtbench.cli.schema import schema
from mtbench.cli.streams import check_stdout, standard_streams
from mtbench.errors import ExitCode, MtbenchError, UsageError
from mtbench.system.console import say
from mtbench.system.interrupts import interruptible
from mtbench.system.tracebacks import is_out_of_memory, is_refusal, show, summary
from mtbench.version import __version__


class Masked(Exception):
    """An error that click would take for something else: for a Ctrl-D, or for ``| head``.

    There are no prompts here, and stdout minds its reader itself.
    """

    def __init__(self, error: EOFError | OSError) -> None:
        super().__init__(error)
        self.error = error


class Commands(click.Group):
    """All commands; before each, a namesake that is installed too is warned of."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command, and mask what click would misunderstand.

        Raises:
            Masked: in place of an ``EOFError`` or an ``OSError``.
        """
        try:
            return super().invoke(ctx)
        except (EOFError, OSError) as error:
            raise Masked(error) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # else a shell completes a word
            _warn_of_namesake()
        return super().parse_args(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mtbench")
def cli() -> None:
    """Which way of training one encoder on several sentence tasks is better?

    mtbench trains every cell of a matrix file and renders a leaderboard.
    """


def _warn_of_namesake() -> None:
    """Say so where the distribution ``mtbench`` is installed too, which has a package ``mtbench``.

    Of two in one folder, the later one has written over files of the earlier, and takes them along
    when it goes; of two in different folders, one hides the other.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        namesake = distribution("mtbench")
    except PackageNotFoundError:
        return
    say(
        f"warning: the distribution 'mtbench' in {namesake.locate_file('')} is not mtl-bench, but "
        "its package is called 'mtbench' too, so that one spoils the other: uninstall both, then "
        "install mtl-bench again"
    )


COMMANDS = (
    init,
    ablate,
    plan,
    bench,
    status,
    leaderboard,
    compare,
    check,
    evaluate,
    predict,
    data,
    plugins,
    schema,
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line and end the process with one of ``ExitCode``.

    What the user can mend is one line; a bug keeps its traceback, which Python prints.
    """
    # Thousands of cells, none of which is in a circle: to look for circles less often spares a
    # fifth of the time that it takes to plan them.
    gc.set_threshold(100_000, 50, 100)
    with standard_streams(), interruptible():
        code = _answer()
    sys.exit(int(code))


def _check_working_directory() -> None:
    """Make sure that there is one: what is named from here is looked up in it.

    Raises:
        UsageError: if it has been removed.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the working directory has been removed: go to another") from None


def _answer() -> int:
    """Run the command line, say what went wrong, and return the exit code."""
    try:
        check_stdout()
        _check_working_directory()
        code: int = _run() or ExitCode.DONE
        sys.stdout.flush()
    except click.ClickException as error:
        message = io.StringIO()
        error.show(file=message)
        for line in message.getvalue().splitlines():
            say(line)
        return ExitCode.USAGE
    except Exception as error:
        if is_out_of_memory(error) or is_refusal(error):
            told, code = summary(error), ExitCode.RUNS_MISSING
        elif isinstance(error, MtbenchError):
            told, code = str(error), error.exit_code
        else:
            raise
        show(error)
        say(f"error: {told}")
    return code


def _run() -> int | None:
    """Call the command that the arguments name; what it raises comes out as it is."""
    try:
        code: int | None = cli.main(prog_name="mtbench", standalone_mode=False)
        return code
    except click.Abort:
        raise KeyboardInterrupt from None
    except Masked as masked:
        error = masked.error
    raise error
