"""Parameters of components: those that are tables, and those that are missing."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]  # of the command line; see conftest

STUDY = """
title = "a study with parameters"
seeds = 1

[base]
tasks = [
    { name = "sample-sst", as = "sst", train = 6, dev = 6 },
    { name = "sample-pd", as = "pd", train = 6, dev = 6 },
]
encoder = { name = "minbert", layers = 1, width = 8, attention_heads = 2, intermediate = 8 }
train = { lr = 1e-2, batch_size = 3, steps = 2 }
combiner = { name = "weighted", weights = { pd = 3.0 } }
"""

PLUGIN = '''
"""Combiners: one with a weight a task, one that must be told."""

import torch
from pydantic import Field

from mtbench.api import CombinerSpec, Parameters, hookimpl, unknown


class Weights(Parameters):
    weights: dict[str, float] = Field(default={})


class Scale(Parameters):
    alpha: float
    form: dict[str, int]


class Weighted:
    def __init__(self, parameters):
        self.weights = getattr(parameters, "weights", {})

    def combine(self, x):
        return torch.tensor([self.weights.get(task, 1.0) for task in x.tasks])


def rejects(cell):
    for name in cell.combiner.parameters["weights"]:
        if name not in cell.tasks:
            return str(unknown("task", name, cell.tasks, where="weights"))


@hookimpl
def mtbench_combiners():
    brought = {"summary": "A stranger.", "target": "weighing:Weighted", "needs": "losses"}
    return [
        CombinerSpec(
            name="weighted", parameters="weighing:Weights", rejects=rejects, **brought
        ),
        CombinerSpec(
            name="scaled", parameters="weighing:Scale", example={"alpha": 0.5}, **brought
        ),
    ]
'''


@pytest.fixture
def given(tmp_path: Path, new_modules: None) -> tuple[object, ...]:
    """Return a study with a plugin, as a command takes them."""
    study, plugin = tmp_path / "study.toml", tmp_path / "weighing.py"
    study.write_text(STUDY)
    plugin.write_text(PLUGIN)
    return study, "--plugin", plugin


def keys(answer: Any) -> dict[str, str]:
    assert answer.code == 0, answer.err
    return {run["cell"]: run["run"] for run in json.loads(answer.out)["runs"]}


# --- that are tables --------------------------------------------------------------------------


def test_a_key_in_a_table_is_an_axis(call: Call, given: Sequence[object]) -> None:
    """Its cells are those of the whole table, what the base says of other tasks among it."""
    part = call("plan", *given, "--axis", "combiner.weights.sst=1,2.5", "--format", "json")
    tables = "{pd=3.0, sst=1},{pd=3.0, sst=2.5}"
    whole = call("plan", *given, "--axis", f"combiner.weights={tables}", "--format", "json")

    assert list(keys(part)) == ["combiner.weights.sst=1", "combiner.weights.sst=2.5"]
    assert list(keys(part).values()) == list(keys(whole).values())


def test_a_key_in_a_table_is_set(call: Call, given: Sequence[object]) -> None:
    axis = ("--axis", "combiner.weights.pd=2,3", "--format", "json")
    cell = keys(call("plan", *given, "--set", "combiner.weights.sst=0.5", *axis))
    whole = call("plan", *given, "--set", "combiner.weights={pd=3.0, sst=0.5}", "--format", "json")

    assert list(cell) == ["combiner.weights.pd=2", "combiner.weights.pd=3"]
    assert [cell["combiner.weights.pd=3"]] == list(keys(whole).values())


def test_a_task_that_is_nowhere_is_refused_by_the_component(
    call: Call, given: Sequence[object]
) -> None:
    answer = call("plan", *given, "--axis", "combiner.weights.sts=1,2")

    assert "2 x combiner (weighted): unknown task 'sts' in weights; did you mean 'sst'?" in (
        answer.out
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "combiner.weights.sst.x=1",
            "weights.sst: input should be a valid number (given: {'x': 1",
        ),
        ("combiner.wieghts.sst=1", "unknown key 'wieghts'; did you mean 'weights'?"),
    ],
)
def test_a_key_that_leads_into_no_table(
    call: Call, given: Sequence[object], setting: str, message: str
) -> None:
    answer = call("plan", *given, "--set", setting)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: cell 'base': combiner (weighted): {message}")


# --- that are missing -------------------------------------------------------------------------

MISSING = (
    "combiner (scaled): 'alpha' is missing; 'form' is missing; example: combiner = "
    '{ name = "scaled", alpha = 0.5, form = ... }, or for every cell '
    "--set combiner.alpha=0.5 --set combiner.form=..."
)


@pytest.mark.parametrize("axis", ["combiner=sum,scaled", "combiner.name=weighted,scaled"])
def test_a_cell_that_lacks_a_parameter_is_broken_alone(
    call: Call, given: Sequence[object], axis: str
) -> None:
    if axis.startswith("combiner.name"):  # what the base has of another combiner is a mistake
        given = (*given, "--set", "combiner=weighted")
    planned = call("plan", *given, "--axis", axis)
    trained = call("ablate", *given, "--axis", axis, "--format", "json")

    assert planned.code == trained.code == 6
    told = f"1 of 2 cells is broken: {MISSING}"
    assert planned.err == f"error: {told}\n"
    assert f"\nbroken: 1 x {MISSING}\n" in planned.out
    good, broken = json.loads(trained.out)["cells"]
    assert (good["status"], broken["status"], broken["reason"]) == ("done", "broken", MISSING)
    first, *_, last = trained.err.splitlines()
    assert (first, last) == (f"warning: {told}; the others go on", f"error: {told}")


def test_a_parameter_that_every_cell_lacks_is_a_mistake_in_the_call(
    call: Call, given: Sequence[object]
) -> None:
    answer = call("ablate", *given, "--set", "combiner=scaled", "--axis", "train.lr=1e-3,1e-4")

    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {MISSING}\n")


def test_a_mistake_beside_what_is_missing_ends_the_plan(
    call: Call, given: Sequence[object]
) -> None:
    axis = 'combiner=sum,{name="scaled", alhpa=1}'
    answer = call("plan", *given, "--axis", axis)

    assert (answer.code, answer.out) == (2, "")
    assert "unknown key 'alhpa'; did you mean 'alpha'?" in answer.err


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("balancer=single", """or for every cell --set 'balancer.task="sst"'\n"""),
        ('tasks=["table"]', 'example: tasks = [{ name = "table", path = "reviews-{split}.csv", '),
    ],
)
def test_the_way_out_fits_the_place(
    call: Call, given: Sequence[object], setting: str, told: str
) -> None:
    answer = call("plan", *given, "--set", setting)

    assert answer.code == 2
    assert told in answer.err
    assert "--set tasks" not in answer.err
