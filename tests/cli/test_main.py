"""The command line as a whole; it is in ``mtbench/cli/__init__.py``."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from mtbench import __version__
from mtbench.cli import cli, main
from mtbench.errors import ExitCode
from mtbench.system.tracebacks import summary

Call = Callable[..., Any]  # of the command line; see conftest


def commands(group: click.Group = cli, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command, groups aside, with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)
        else:
            yield (*before, name), command


COMMANDS = dict(commands())


def test_the_commands() -> None:
    assert {" ".join(words) for words in COMMANDS} == {
        "init",
        "ablate",
        "plan",
        "bench",
        "check",
        "status",
        "leaderboard",
        "compare",
        "evaluate",
        "predict",
        "data fetch",
        "data status",
        "plugins list",
        "plugins show",
        "plugins check",
        "plugins new",
        "schema",
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(call: Call, words: tuple[str, ...]) -> None:
    command = COMMANDS[words]

    answer = call(*words, "--help")

    assert (answer.code, answer.err) == (0, "")
    assert answer.out == call(*words, "-h").out
    first, *_ = command.help.splitlines()
    assert first.endswith(".")
    assert first in answer.out
    options = [each for each in command.params if isinstance(each, click.Option)]
    unsaid = {"--format", "--split"}  # their choices are their help
    assert [o.opts for o in options if not o.help and not unsaid & set(o.opts)] == []


def test_every_argument_is_in_its_commands_help() -> None:
    for command in COMMANDS.values():
        for each in command.params:
            if isinstance(each, click.Argument):
                assert (each.metavar or each.name.upper()).strip("[]") in command.help


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
from mtbench.cli import main
sys.argv = ["mtbench", "--help"]
try:
    main()
finally:
    heavy = {"torch", "pandas", "pydantic", "numpy", "scipy", "sklearn", "rich", "pluggy"}
    print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stderr == "[]\n"
    assert "leaderboard" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("plan",), ("leaderboard",), ("status",), ("plugins", "list"), ("data", "status")],
)
def test_looking_imports_no_torch(study: Any, arguments: tuple[str, ...]) -> None:
    given = {"plan": study.given, "leaderboard": study.given, "status": study.given[1:]}
    argv = ["mtbench", *arguments, *given.get(arguments[0], ())]
    script = f"""
import sys
from mtbench.cli import main
sys.argv = {argv!r}
try:
    main()
finally:
    print(sorted({{"torch", "transformers"}} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stderr == "[]\n"
    assert done.stdout


def test_version(call: Call) -> None:
    answer = call("--version")

    assert (answer.code, answer.out) == (0, f"mtbench, version {__version__}\n")


def test_it_is_a_module_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mtbench", "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"mtbench, version {__version__}\n"


# --- another project's distribution -----------------------------------------------------------

WARNING = (
    "warning: the distribution 'mtbench' in {} is not mtl-bench, but its package is called "
    "'mtbench' too, so that one spoils the other: uninstall both, then install mtl-bench again"
)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder of packages, on the path of new processes, with the distribution ``mtbench``."""
    site = tmp_path / "site"
    information = site / "MTBench-0.0.1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mtbench\nVersion: 0.0.1\n")
    return site


def outputs(site: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Return exit code, output and lines of errors of the command line beside ``site``."""
    done = subprocess.run(
        [sys.executable, "-m", "mtbench", *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("plan", "-h"), ("plugins", "list"), ("status",), ("abblate",)],
    ids=" ".join,
)
def test_the_distribution_mtbench_beside_ours_is_told_once(
    beside: Path, arguments: tuple[str, ...]
) -> None:
    (beside / "other").mkdir()
    code, out, errors = outputs(beside / "other", *arguments)
    assert not any("mtl-bench" in line for line in errors)

    told = outputs(beside, *arguments)

    assert told == (code, out, [WARNING.format(beside), *errors])


def test_it_is_told_where_its_files_have_come_over_ours(beside: Path, root: Path) -> None:
    for package in (root / "mtbench", root / "plugins" / "mtbench_builtins"):
        shutil.copytree(package, beside / package.name)
    (beside / "mtbench" / "__init__.py").write_text("from .version import *\n")
    (beside / "mtbench" / "version.py").write_text("__version__ = '0.0.1'\n")

    assert outputs(beside, "--version") == (
        0,
        "mtbench, version 0.0.1\n",
        [WARNING.format(beside)],
    )


def test_a_shell_that_completes_a_word_is_told_nothing(beside: Path) -> None:
    script = "import sys; from mtbench.cli import main; sys.argv = ['mtbench']; main()"
    asked = {"COMP_WORDS": "mtbench plugins l", "COMP_CWORD": "2", "PYTHONPATH": str(beside)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **asked, "_MTBENCH_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("plain,list\n", "")


# --- exit codes -------------------------------------------------------------------------------


def test_the_exit_codes_are_the_documented_ones() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "BUG": 1,
        "USAGE": 2,
        "RUNS_MISSING": 3,
        "REGRESSION": 4,
        "NOTHING_TO_COMPARE": 5,
        "PLUGIN_BROKEN": 6,
        "INTERRUPTED": 130,
    }


MATRICES = {
    "no TOML": ("[base", "not valid TOML"),
    "no base": ("seeds = 1", "base"),
    "an unknown key": ('[base]\ntasks = ["sst"]\nsede = 1', "sede"),
    "an unknown section": ('seed = 1\n[base]\ntasks = ["sst"]', "did you mean 'seeds'?"),
    "an unknown task": ('[base]\ntasks = ["sample-stt"]', "did you mean 'sample-st"),
    "an unknown head": ('[base]\ntasks = ["sample-sst"]\nheads.sample-sst = "liner"', "'linear'"),
    "an unknown parameter": (
        '[base]\ntasks = ["sample-sst"]\nencoder = { name = "minbert", with = 3 }',
        "did you mean 'width'?",
    ),
    "a value of another type": ('[base]\ntasks = ["sample-sst"]\ntrain.lr = "fast"', "train"),
    "two budgets": ('[base]\ntasks = ["sample-sst"]\ntrain = { steps = 1, epochs = 1 }', "both"),
    "no such checkpoint": (
        '[base]\ntasks = ["sample-sst"]\nencoder = { name = "minbert", checkpoint = "./none" }',
        "none",
    ),
}


@pytest.mark.parametrize(("text", "told"), MATRICES.values(), ids=MATRICES)
def test_a_mistake_in_the_matrix_is_one_line(call: Call, text: str, told: str) -> None:
    Path("m.toml").write_text(text)

    answer = call("plan", "m.toml")

    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("error: ")
    assert told in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("plan", "nowhere.toml"), "error: nowhere.toml: there is no such matrix file"),
        (("abblate",), "No such command 'abblate'"),
        (("plan",), "Missing argument 'MATRIX'"),
        (("plan", "m.toml", "--sed", "x=1"), "No such option"),
        (("plan", "m.toml", "--seeds", "0"), "--seeds"),
        (("plan", "m.toml", "--format", "rich"), "'rich'"),
        (("plan", "m.toml", "--set", "train.lr"), "error: --set 'train.lr': expected KEY=VALUE"),
        (("plan", "m.toml", "--set", "train.lr="), "behind train.lr= a value is missing"),
        (("plan", "m.toml", "--set", "train.lr=1,2"), "several values make an axis: --axis KEY="),
        (("plan", "m.toml", "--set", "combiner=sum,mgda"), "several values make an axis: --axis"),
        (("plan", "m.toml", "--set", "tasks=sst,pd"), 'such as ["sst", "pd"]'),
        (("compare", "combiner=sum", "combiner=mgda"), "a cell is MATRIX::CELL"),
        (("plan", "m.toml", "--set", "trian.lr=1"), "did you mean 'train'?"),
        (("plan", "m.toml", "--axis", "combiner=sum,sum"), "has a value twice: sum, sum"),
        (("plan", "m.toml", "-k", "and"), "error: -k 'and': expected words"),
        (("plan", "m.toml", "--plugin", "nowhere.py"), "nowhere.py: there is no such file"),
        (("ablate", "m.toml", "--jobs", "0"), "--jobs"),
        (("evaluate", "x", "--split", "train"), "'train'"),
    ],
)
def test_a_mistake_on_the_command_line_has_no_traceback(
    call: Call, arguments: tuple[str, ...], told: str
) -> None:
    Path("m.toml").write_text('[base]\ntasks = ["sample-sst"]\n')

    answer = call(*arguments)

    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err


def test_a_working_directory_that_is_gone_is_one_line(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()

    answer = call("plan", "m.toml")

    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "error: the working directory has been removed: go to another\n"


@pytest.fixture
def falls(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Give a function that makes ``mtbench status`` raise an error."""

    def raising(error: BaseException) -> None:
        def runs(*_: object) -> None:
            raise error

        monkeypatch.setattr("mtbench.cli.run_documents.runs", runs)
        monkeypatch.setattr(sys, "argv", ["mtbench", "status"])

    return raising


def test_a_bug_keeps_its_traceback(falls: Callable[[BaseException], None]) -> None:
    falls(ZeroDivisionError("a bug"))

    with pytest.raises(ZeroDivisionError, match="a bug"):
        main()


@pytest.mark.parametrize(
    "error",
    [
        EOFError("Ran out of input"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        OSError(errno.EPIPE, "Broken pipe"),
    ],
    ids=repr,
)
def test_what_click_would_take_for_something_else_is_a_bug(
    falls: Callable[[BaseException], None], error: Exception
) -> None:
    falls(error)

    with pytest.raises(type(error)) as caught:
        main()
    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=repr,
)
def test_what_the_system_refuses_is_one_line(
    call: Call, falls: Callable[[BaseException], None], error: Exception
) -> None:
    falls(error)

    answer = call("status")

    assert (answer.code, answer.out) == (3, "")
    assert answer.err == f"error: {summary(error)}\n"


def test_an_interrupt_is_130(call: Call, falls: Callable[[BaseException], None]) -> None:
    falls(KeyboardInterrupt())

    answer = call("status")

    assert (answer.code, answer.out) == (130, "")
    assert answer.err.strip().startswith("interrupted; what is stored stays")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_the_end_that_a_scheduler_or_a_terminal_sets_is_an_interrupt(
    call: Call, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number = signal.Signals[name]
    monkeypatch.setattr("mtbench.cli.run_documents.runs", lambda *_: os.kill(os.getpid(), number))

    assert call("status").code == 130


def test_a_reader_that_leaves_early_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "mtbench", "plugins", "list"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")
