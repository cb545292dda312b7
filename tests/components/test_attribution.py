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


def message(call: Callable[[], Any], entries: Mapping[str, Entry]) -> str:
    with pytest.raises(PluginError) as caught, naming(entries):
        call()
    assert caught.value.__cause__ is not None
    return str(caught.value)


def test_an_error_names_the_class_it_came_out_of(module: ModuleType) -> None:
    found = message(module.Head().forward, CELL)

    assert found == "head 'tall' of fake: ZeroDivisionError: division by zero (blamed.py:10)"


def test_what_is_inherited_is_the_heirs(module: ModuleType) -> None:
    assert message(module.Heir().forward, CELL).startswith("head 'heir' of fake: ZeroDivision")


def test_what_a_component_calls_is_its_own_affair(module: ModuleType) -> None:
    """The line is that of its own code from which it went wrong."""
    assert message(module.Helped().forward, CELL) == (
        "head 'helped' of fake: KeyError: 'sst' (blamed.py:19)"
    )


def test_of_two_components_it_is_the_one_that_the_harness_called(module: ModuleType) -> None:
    found = message(module.Outer().combine, CELL)

    assert found == "combiner 'outer' of fake: ZeroDivisionError: division by zero (blamed.py:10)"


def test_an_exit_is_an_error(module: ModuleType) -> None:
    assert message(module.Outer().exit, CELL) == (
        "combiner 'outer' of fake: SystemExit: 0 (blamed.py:27)"
    )


def test_what_python_renames_in_a_generator_is_known_by_its_cause(module: ModuleType) -> None:
    def generator() -> Iterator[Any]:
        yield module.ending()

    found = message(lambda: list(generator()), {"heads.sst": ENDING})

    assert found.startswith("head 'ending' of fake: RuntimeError: generator raised StopIteration")


def test_a_function_is_known_by_its_code(module: ModuleType) -> None:
    found = message(module.failing, CELL | {"balancer": FAILING})

    assert found == "balancer 'failing' of fake: KeyError: 'nothing' (blamed.py:40)"


def test_a_method_that_is_not_there_is_its_classs_affair(module: ModuleType) -> None:
    def ask() -> Any:
        return module.Outer().observe({}, {})

    assert message(ask, CELL) == (
        "combiner 'outer' of fake: AttributeError: 'Outer' object has no attribute 'observe'"
    )


def test_what_a_function_made_is_known_by_its_module(module: ModuleType) -> None:
    def lay_out() -> list[Any]:
        return list(module.make().steps())

    alone = message(lay_out, {"balancer": MADE})
    beside = message(lay_out, {"heads.sst": TALL, "balancer": MADE})

    assert alone == "balancer 'made' of fake: ZeroDivisionError: division by zero (blamed.py:32)"
    assert beside.startswith("head 'tall' of fake or balancer 'made' of fake: ZeroDivisionError")


ELSEWHERES = entry("elsewhere", "pk.make:make", BalancerSpec)


def test_what_a_function_made_is_known_by_its_package(module: ModuleType) -> None:
    def begin() -> None:
        importlib.import_module("pk.make").make().begin()

    assert message(begin, CELL | {"balancer": ELSEWHERES}) == (
        "balancer 'elsewhere' of fake: UsageError: no steps (pk/hidden.py:7)"
    )


def test_the_users_mistake_passes(module: ModuleType) -> None:
    made = importlib.import_module("pk.make").make()
    with pytest.raises(UsageError), naming({"balancer": ELSEWHERES}), users_mistakes():
        made.begin()


def test_a_component_that_two_tasks_use_is_one(module: ModuleType) -> None:
    entries = {"heads.sst": TALL, "heads.pd": TALL}

    assert message(module.Head().forward, entries).startswith("head 'tall' of fake: Zero")


def test_an_error_may_say_which_part_it_is_about() -> None:
    def lay_out() -> None:
        raise PluginError("the balancer gave an epoch without a step", part="balancer")

    found = message(lay_out, {"balancer": MADE})

    assert found == "balancer 'made' of fake: the balancer gave an epoch without a step"
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
