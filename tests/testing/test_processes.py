from pathlib import Path

import pytest

from mtbench.components.registry import Registry
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.processes import ask, listed_with_torch

SOURCE = """
from mtbench.api import BalancerSpec, Parameters, hookimpl

class Own(Parameters):
    word: str = "one"

class Mine:
    def __init__(self, parameters):
        print("not an answer")
        self.word = parameters.word

def other(parameters):
    return parameters.word.upper()

@hookimpl
def mtbench_balancers():
    return [BalancerSpec(name="mine", summary="s", target=Mine, parameters=Own)]
"""


def test_an_installed_component() -> None:
    subject = Subject.of(Registry.load().find("balancer", "single"), task="pd")
    answer = ask(subject, "[made.task, type(made).__name__]")
    assert (answer.value, answer.torch) == (["pd", "Single"], False)


def test_a_component_in_a_file(tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "asked_file.py"
    file.write_text(SOURCE)
    subject = Subject.of(Registry.load([file]).find("balancer", "mine"), word="two")
    assert ask(subject, "made.word").value == "two"
    assert ask(subject, "made", target="asked_file:other").value == "TWO"
    with pytest.raises(CheckFailed, match=r"came AttributeError: .*'words'"):
        ask(subject, "made.words")


def test_a_target_that_is_a_partial(tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "asked_partial.py"
    file.write_text(
        "from functools import partial\n"
        + SOURCE.replace("(self, parameters)", "(self, parameters, times=1)")
        .replace("= parameters.word\n", "= parameters.word * times\n")
        .replace("target=Mine", "target=partial(Mine, times=2)")
    )
    subject = Subject.of(Registry.load([file]).find("balancer", "mine"), word="two")
    assert ask(subject, "made.word").value == "twotwo"


def test_a_target_without_a_name_is_a_failed_check(tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "asked_nameless.py"
    file.write_text(SOURCE.replace("target=Mine", "target=lambda parameters: Mine(parameters)"))
    subject = Subject.of(Registry.load([file]).find("balancer", "mine"), word="two")
    with pytest.raises(CheckFailed, match="a target that a new process can import"):
        ask(subject, "made.word")


def test_the_order_of_a_set_is_chosen() -> None:
    subject = Subject.of(Registry.load().find("balancer", "cycle"))
    orders = [ask(subject, "list({'sst', 'pd', 'sts'})", hash_seed=s).value for s in (1, 4)]
    assert orders == [["pd", "sts", "sst"], ["sst", "sts", "pd"]]


def test_a_component_that_ends_the_process(tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "leaving_file.py"
    file.write_text(SOURCE)
    subject = Subject.of(Registry.load([file]).find("balancer", "mine"))
    with pytest.raises(CheckFailed, match=r"process of its own; came an end of the process"):
        ask(subject, "made", setup="raise SystemExit(0)")


@pytest.mark.parametrize(("line", "told"), [("import torch", True), ("", False)])
def test_what_listing_imports(tmp_path: Path, new_modules: None, line: str, told: bool) -> None:
    (tmp_path / "listed_file.py").write_text(f"print('loading')\n{line}\n{SOURCE}")
    entry = Registry.load([tmp_path / "listed_file.py"]).find("balancer", "mine")
    assert (listed_with_torch(Subject.of(entry)) is not None) is told


def test_listing_an_installed_plugin() -> None:
    assert listed_with_torch(Subject.of(Registry.load().find("head", "linear"))) is None
