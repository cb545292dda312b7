"""Nonsense at every option and argument of every command: one line, and a documented exit code."""

import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest

from mtbench.cli import cli
from mtbench.components.registry import Registry
from mtbench.errors import ExitCode, UsageError
from mtbench.matrix.configuration import SECTIONS, SLOTS
from mtbench.matrix.file import Matrix
from mtbench.matrix.gating import Gate
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.system.console import LONGEST

Call = Callable[..., Any]  # of the command line; see conftest

NONSENSE = {
    "punctuation": (string.punctuation * 3)[:80],
    "a long name": "n" * 300,
    "control characters": "\x01\x1b[31m\n\t\x7f\u202e",
    "bytes that are no text": "\udcff\udc80",
    "nothing": "",
    "brackets": "[" * 10_000,
    "digits": "9" * 5000,
    "a key with digits": "train.steps=" + "9" * 5000,
    "a key with brackets": "train.lr=" + "[" * 3000 + "]" * 3000,
    "a key of many": "train." + ".".join("a" * 3000) + "=1",
    "a link to itself": "loop",
    "a cell": f"m.toml::{'n' * 300}",
}

FILLERS = {"matrix": "m.toml", "a": "m.toml", "b": "m.toml", "kind": "head"}
"""What stands at the other arguments; where nothing does, a name that there is not."""

BESIDE = {"ablate": ["--dry-run"], "bench": ["--set", "encoder=none"], "check": ["--no-train"]}
"""What keeps commands from computing for long where the nonsense makes sense to them."""

LINES = (
    'base.tasks = ["sample-sst"]',
    'base.encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2 }',
    "base.train.steps = 1",
)

VALUES = {
    "a text": '"nonsense"',
    "a long text": '"' + "n" * 300 + '"',
    "a null": r'"a\u0000b"',
    "a number": "7",
    "a number below 0": "-7",
    "a large number": "1" + "0" * 200,
    "a number of no float": "1" + "0" * 400,
    "hexadecimal digits": f"0x{'f' * 5000}",
    "infinity": "1e999",
    "a date": "1979-05-27",
    "lists": "[" * 40 + "]" * 40,
    "deep lists": "[" * 400 + "]" * 400,
    "tables": "{a = {b = {c = [1, 'd']}}}",
    "texts": '["a", "a"]',
    "a home of nobody": '"~nobody-at-all/x"',
}


def keys() -> Iterator[str]:
    """Yield every key of a matrix file that mtbench itself knows, whole sections among them."""
    yield from Matrix.model_fields
    yield from (f"gate.{name}" for name in Gate.model_fields)
    for section, model in SECTIONS.items():
        yield from (f"base.{section}.{name}" for name in model.model_fields)
        yield from (f"axes.'{section}.{name}'" for name in model.model_fields)
    for root in ("tasks", "heads", *SLOTS, *SECTIONS):
        yield from (f"base.{root}", f"axes.{root}")
    yield from ("base.heads.sample-sst", "base.train.batch_size.sample-sst")


def places(group: click.Group = cli, *before: str) -> Iterator[tuple[str, ...]]:
    """Yield every option and argument that takes something, behind the words of its command."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from places(command, *before, name)
        else:
            for each in command.params:
                if not (isinstance(each, click.Option) and each.is_flag):
                    yield (*before, name, str(each.name))


def distinct() -> list[tuple[str, ...]]:
    """Return the places; an option that commands share, as they share its code, once."""
    found: dict[object, tuple[str, ...]] = {}
    for place in places():
        option = parameter(place)
        shared = (*option.opts, option.help) if isinstance(option, click.Option) else place
        found.setdefault(shared, place)
    return list(found.values())


def command_of(words: Sequence[str]) -> click.Command:
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


def parameter(place: tuple[str, ...]) -> click.Parameter:
    *words, name = place
    return next(each for each in command_of(words).params if each.name == name)


def arguments(place: tuple[str, ...], nonsense: str) -> list[str]:
    """Return the arguments of a call with nonsense at one place."""
    *words, name = place
    options, operands = [*BESIDE.get(words[0], [])], []
    for each in command_of(words).params:
        given = nonsense if each.name == name else FILLERS.get(str(each.name), "none")
        if isinstance(each, click.Argument):
            operands.append(given)
        elif each.name == name or each.required:
            options += [each.opts[0], given]
    return [*words, *options, "--", *operands]


@pytest.mark.parametrize("place", distinct(), ids=" ".join)
def test_nonsense_is_told_in_one_line(call: Call, place: tuple[str, ...]) -> None:
    Path("m.toml").write_text("\n".join(LINES))
    Path("loop").symlink_to("loop")

    for kind, nonsense in NONSENSE.items():
        answer = call(*arguments(place, nonsense))

        told = [line for line in answer.err.splitlines() if not line.startswith("warning: ")]
        assert answer.code in set(ExitCode) - {ExitCode.BUG, ExitCode.INTERRUPTED}, kind
        assert all(len(line) <= LONGEST + 10 for line in told), kind
        if answer.code == ExitCode.USAGE:
            (line,) = [line for line in told if line.startswith(("error: ", "Error: "))]
            assert line == told[-1], kind
            assert all(line.startswith(("Usage: ", "Try ")) for line in filter(None, told[:-1]))


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


@pytest.mark.parametrize("key", list(keys()))
def test_nonsense_in_a_matrix_is_a_mistake_or_a_plan(
    registry: Registry, tmp_path: Path, key: str
) -> None:
    file = tmp_path / "m.toml"
    for value in VALUES.values():
        kept = [line for line in LINES if not f"{line} ".startswith((f"{key} ", f"{key}."))]
        file.write_text("\n".join([*kept, f"{key} = {value}"]))
        with suppress(UsageError):
            Session(Setup(file, store=tmp_path / "store", device="cpu"), registry).plan()
