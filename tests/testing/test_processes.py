from pathlib import Path

import pytest

from mtbench.components.entries import Entry
from mtbench.components.registry import Registry
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.conformance import CHECKS, outcome_of
from mtbench.testing.processes import ask

SOURCE = """
from functools import partial

from mtbench.api import EncoderSpec, Parameters, hookimpl


class Own(Parameters):
    word: str = "one"


class Mine:
    def __init__(self, parameters, times=1):
        print("not an answer")
        self.word = parameters.word * times


def fingerprint(parameters):
    import torch
    return parameters.word.upper()


@hookimpl
def mtbench_encoders():
    spec = EncoderSpec(
        name="mine",
        summary="s",
        target=partial(Mine, times=2),
        parameters=Own,
        tokenizer=lambda parameters: None,
        fingerprint=fingerprint,
    )
    return [spec]
"""


def mine(folder: Path, imported: str = "") -> Entry:
    file = folder / "asked.py"
    file.write_text(f"{imported}\n{SOURCE}")
    return Registry.load([file]).find("encoder", "mine")


def test_an_installed_component() -> None:
    subject = Subject.of(Registry.load().find("balancer", "single"), task="pd")
    answer = ask(subject, "[made.task, type(made).__name__]")
    assert (answer.value, answer.torch) == (["pd", "Single"], False)


def test_a_component_in_a_file(tmp_path: Path, new_modules: None) -> None:
    subject = Subject.of(mine(tmp_path), word="two")
    assert ask(subject, "made.word").value == "twotwo"
    with pytest.raises(CheckFailed, match=r"came AttributeError: .*'words'"):
        ask(subject, "made.words")
    with pytest.raises(CheckFailed, match=r"process of its own; came an end of the process"):
        ask(subject, "made", setup="raise SystemExit(0)")
    with pytest.raises(CheckFailed, match="a target that a new process can import"):
        ask(subject, "made", target=subject.spec.tokenizer)


def test_the_order_of_a_set_is_chosen() -> None:
    subject = Subject.of(Registry.load().find("balancer", "cycle"))
    orders = [ask(subject, "list({'sst', 'pd', 'sts'})", hash_seed=s).value for s in (1, 4)]
    assert orders == [["pd", "sts", "sst"], ["sst", "sts", "pd"]]


@pytest.mark.parametrize(
    ("imported", "outcome"),
    [
        (
            "",
            (
                "failed",
                "expected no import of torch, as planning must not; came one, for the fingerprint",
            ),
        ),
        ("import torch", ("passed", "")),  # as a plugin of one file has it, with its network
    ],
)
def test_a_fingerprint_brings_no_torch_that_the_hook_does_not(
    tmp_path: Path, new_modules: None, imported: str, outcome: tuple[str, str]
) -> None:
    [check] = [c for c in CHECKS["encoder"] if c.name == "fingerprint-needs-no-torch"]
    came = outcome_of(check, Subject.of(mine(tmp_path, imported)))
    assert (came.status, came.message) == outcome
