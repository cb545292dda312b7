import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mtbench.components.attribution import behind, naming
from mtbench.components.entries import Entry, Provider
from mtbench.errors import PluginError, UsageError, users_mistakes
from mtbench.gradients.oracle import BrokenCombiner
from mtbench.model.model import BrokenHead
from mtbench.specs import BalancerSpec, CombinerSpec, HeadSpec

SOURCE = """
import helping


class Head:
    def forward(self):
        return self.inner()

    def inner(self):
        return 1 / 0


class Heir(Head):
    pass


class Helped:
    def forward(self):
        return helping.help()


class Outer:
    def combine(self):
        return Head().forward()

    def exit(self):
        raise SystemExit(0)


class Product:
    def steps(self):
        yield 1 / 0


def make():
    return Product()


def failing():
    return {}["nothing"]


def hidden():
    from pk.make import make

    return make()


def hungry():
    bytearray(1 << 60)


def ending():
    return next(iter(()))
"""
ELSEWHERE = """
from mtbench.api import UsageError


class Hidden:
    def begin(self):
        raise UsageError("no steps")
"""
HELPING = "def help():\n    raise KeyError('sst')\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None) -> ModuleType:
    (tmp_path / "blamed.py").write_text(SOURCE)
    (tmp_path / "helping.py").write_text(HELPING)
    (tmp_path / "pk").mkdir()
    (tmp_path / "pk" / "hidden.py").write_text(ELSEWHERE)
    (tmp_path / "pk" / "make.py").write_text(
        "from pk.hidden import Hidden\n\n\ndef make():\n    return Hidden()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("blamed")


def entry(name: str, target: Any, spec: Any = HeadSpec, **fields: Any) -> Entry:
    return Entry(spec(name=name, summary="", target=target, **fields), Provider("fake", "1", "x"))


TALL = entry("tall", "blamed:Head")
HEIR = entry("heir", "blamed:Heir")
HELPED = entry("helped", "blamed:Helped")
OUTER = entry("outer", "blamed:Outer", CombinerSpec, needs="losses")
MADE = entry("made", "blamed:make", BalancerSpec)
FAILING = entry("failing", "blamed:failing", BalancerSpec)
ENDING = entry("ending", "blamed:ending")
GONE = entry("gone", "no_such_module:Name")
CELL = {
    "heads.sst": TALL,
    "heads.pd": HEIR,
    "heads.sts": HELPED,
    "heads.x": GONE,
    "combiner": OUTER,
}


ELSEWHERES = entry("elsewhere", "pk.make:make", BalancerSpec)


def naming_error(call: Callable[[], Any], entries: Mapping[str, Entry]) -> str:
    with pytest.raises(PluginError) as caught, naming(entries):
        call()
    assert caught.value.__cause__ is not None
    return str(caught.value)


DIVISION = "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("called", "entries", "message"),
    [
        ("Head.forward", [TALL, HEIR], f"head 'tall' of fake: {DIVISION} (blamed.py:10)"),
        # What is inherited is the heir's; what a component calls is its own affair.
        ("Heir.forward", [TALL, HEIR], f"head 'heir' of fake: {DIVISION} (blamed.py:10)"),
        (
            "Helped.forward",
            [TALL, HELPED],
            "head 'helped' of fake: KeyError: 'sst' (blamed.py:19)",
        ),
        # Of two components it is the one that the harness called.
        ("Outer.combine", [TALL, OUTER], f"combiner 'outer' of fake: {DIVISION} (blamed.py:10)"),
        ("Outer.exit", [TALL, OUTER], "combiner 'outer' of fake: SystemExit: 0 (blamed.py:27)"),
        (
            "Outer.observe",
            [TALL, OUTER],
            "combiner 'outer' of fake: AttributeError: 'Outer' object has no attribute 'observe'",
        ),
        (
            "failing",
            [TALL, FAILING],
            "balancer 'failing' of fake: KeyError: 'nothing' (blamed.py:40)",
        ),
        # What a function made is known by its module, or its package.
        ("make.steps", [MADE, GONE], f"balancer 'made' of fake: {DIVISION} (blamed.py:32)"),
        (
            "make.steps",
            [TALL, MADE],
            f"head 'tall' of fake or balancer 'made' of fake: {DIVISION} (blamed.py:32)",
        ),
        (
            "hidden.begin",
            [TALL, ELSEWHERES],
            "balancer 'elsewhere' of fake: UsageError: no steps (pk/hidden.py:7)",
        ),
        ("Head.forward", [TALL, TALL], f"head 'tall' of fake: {DIVISION} (blamed.py:10)"),
    ],
)
def test_an_error_names_the_component_that_it_came_out_of(
    module: ModuleType, called: str, entries: list[Entry], message: str
) -> None:
    name, _, method = called.partition(".")

    def call() -> None:
        made = getattr(module, name)()
        [*getattr(made, method)()]

    assert naming_error(call, {f"heads.{i}": each for i, each in enumerate(entries)}) == message


def test_what_python_renames_in_a_generator_is_known_by_its_cause(module: ModuleType) -> None:
    def generator() -> Iterator[Any]:
        yield module.ending()

    found = naming_error(lambda: list(generator()), {"heads.sst": ENDING})

    assert found.startswith("head 'ending' of fake: RuntimeError: generator raised StopIteration")


def test_the_users_mistake_passes(module: ModuleType) -> None:
    made = importlib.import_module("pk.make").make()
    with pytest.raises(UsageError), naming({"balancer": ELSEWHERES}), users_mistakes():
        made.begin()


def test_an_error_may_say_which_part_it_is_about() -> None:
    def lay_out() -> None:
        raise PluginError("the balancer gave an epoch without a step", part="balancer")

    assert (
        naming_error(lay_out, {"balancer": MADE})
        == "balancer 'made' of fake: the balancer gave an epoch without a step"
    )
    assert behind(BrokenCombiner("no update"), CELL) == [OUTER]
    assert behind(BrokenHead("sts", "Helped, gave nothing"), CELL) == [HELPED]


def test_nobody_is_behind_memory_that_is_not_to_be_had(module: ModuleType) -> None:
    with pytest.raises(MemoryError), naming({"balancer": FAILING}):
        module.hungry()


@pytest.mark.parametrize(
    "error",
    [
        UsageError("no data folder"),
        PluginError("head 'x' is gone"),
        PluginError("of no cell's part", part="heads.other"),
        RuntimeError("the harness's own"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_what_no_component_is_behind_passes_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, naming(CELL):
        raise error
    assert caught.value is error
