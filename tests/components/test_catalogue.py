import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench import __version__
from mtbench.components.catalogue import details, example
from mtbench.components.registry import Registry
from mtbench.errors import PluginError
from mtbench.matrix.configuration import overlay
from mtbench.study.resolution import Resolver

Install = Callable[..., Path]

PLUGIN = """
from typing import Literal

from pydantic import Field

from mtbench.api import HeadParameters, HeadSpec, hookimpl


class Tall(HeadParameters):
    \"\"\"A tall one's.

    Attributes:
        height: of the head, in layers;
            more than one line.
    \"\"\"

    height: int
    layers: list[int] = Field(default_factory=list)
    scale: float = Field(1.0, alias="lambda", gt=0, le=2)
    names: str | None = None
    mode: Literal["tall"] = "tall"


@hookimpl
def mtbench_heads():
    return [
        HeadSpec(name="tall", summary="A tall one.", target="x:X", parameters=Tall, paper="Me",
                 example={"height": 2, "lambda": 0.5, "layers": [1, 2]}),
        HeadSpec(name="linear", summary="Another.", target="x:X"),
        HeadSpec(name="sum", summary="As a combiner.", target="x:X"),
        HeadSpec(name="unsound", summary="", target="x:X", parameters="no_such_module:X"),
    ]
"""


def one(name: str) -> dict[str, Any]:
    (record,) = details(Registry.load(), name)
    return record


def test_details_of_a_built_in() -> None:
    record = one("single")

    schema = record.pop("schema")
    assert record == {
        "kind": "balancer",
        "name": "single",
        "summary": "Trains one task only; the others' heads stay untrained.",
        "paper": "",
        "distribution": "mtl-bench",
        "version": __version__,
        "module": "mtbench_builtins.balancers",
        "target": "mtbench_builtins.balancers.single:Single",
        "api": 1,
        "promises": [],
        "expected_failures": {
            "starves-no-task": "it trains one task, and that is its point",
        },
        "example": 'balancer = { name = "single", task = "sst" }',
        "parameters": [
            {
                "name": "task",
                "type": "string",
                "default": "(required)",
                "meaning": "name of the one task that is trained.",
            }
        ],
    }
    assert schema["additionalProperties"] is False


def test_the_parameters_of_a_table() -> None:
    types = {p["name"]: p["type"] for p in one("table")["parameters"]}

    assert types["text"] == "string | list of string"
    assert types["classes"] == "integer >= 2 | list of (string | number | boolean) | null"
    assert types["range"] == "[number, number] | null"


def test_what_a_base_says_of_a_parameter() -> None:
    meanings = {p["name"]: p["meaning"] for p in one("cosine")["parameters"]}

    assert meanings["dropout"] == "rate on the embeddings; None for train.dropout."
    assert all(meanings.values())


def test_parameters_of_every_sort(install: Install) -> None:
    install("fake", PLUGIN)

    record = one("tall")

    columns = ("name", "type", "default", "meaning")
    assert record["parameters"][3:] == [
        dict(zip(columns, values, strict=True))
        for values in (
            ("height", "integer", "(required)", "of the head, in layers; more than one line."),
            ("layers", "list of integer", "(computed)", ""),
            ("lambda", "number > 0, <= 2", "1.0", ""),
            ("names", "string | null", "None", ""),
            ("mode", "'tall'", "'tall'", ""),
        )
    ]
    assert (record["paper"], record["distribution"], record["module"]) == ("Me", "fake", "fake")


def test_every_component_that_is_listed_can_be_shown() -> None:
    registry = Registry.load()

    for entry in registry.entries:
        (shown,) = details(registry, f"{entry.spec.kind}:{entry.spec.name}")
        assert shown["summary"] == entry.spec.summary


def test_the_example_of_a_head_is_found_past_plugins_that_break(install: Install) -> None:
    source = """
from mtbench.api import HeadSpec, TaskSpec, hookimpl


def fails(*_):
    return 1 / 0


@hookimpl
def mtbench_tasks():
    return [TaskSpec(name="unmade", summary="", target=fails)]


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="refuses", summary="", target=fails, rejects=fails)]
"""
    install("fake", source)  # its tasks come before our own

    assert one("linear")["example"] == 'heads.sst = "linear"'
    assert one("refuses")["example"] == 'heads.TASK = "refuses"'


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("task:sst", 'tasks = ["sst"]'),
        ("tiny", 'encoder = "tiny"'),
        ("linear", 'heads.sst = "linear"'),
        ("cosine", 'heads.sts = "cosine"'),
        ("cycle", 'balancer = "cycle"'),
        ("combiner:sum", 'combiner = "sum"'),
    ],
)
def test_an_example_takes_a_task_that_fits(name: str, line: str) -> None:
    assert one(name)["example"] == line


def test_an_example_with_parameters(install: Install) -> None:
    install("fake", PLUGIN)

    line = one("tall")["example"]

    assert line == 'heads.sst = { name = "tall", height = 2, lambda = 0.5, layers = [1, 2] }'
    assert tomllib.loads(line)["heads"]["sst"]["layers"] == [1, 2]


def test_every_example_of_a_built_in_stands_in_a_plan() -> None:
    registry = Registry.load()
    for entry in registry.entries:
        given = {"tasks": ["sst", "sts"], **tomllib.loads(example(entry, registry))}
        resolved = Resolver(registry).resolve(overlay({}, given))
        assert resolved.rejection is None


UNUSUAL = """
from collections.abc import Callable

from mtbench.api import CombinerSpec, HeadParameters, HeadSpec, Parameters, hookimpl


class Height(HeadParameters):
    height: int


class Told(Parameters):
    rule: Callable[[float], float] | None = None


class Mean:
    pass


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="high", summary="", target="x:X", parameters=Height, output="unit")]


@hookimpl
def mtbench_combiners():
    return [
        CombinerSpec(name="told", summary="", target="x:X", needs="losses", parameters=Told),
        CombinerSpec(name="mean", summary="", target=Mean, needs="gramian", observes=True,
                     promises=frozenset({"permutation-equivariant"}),
                     expected_failures={"differs-from-sum": "it is the sum, scaled"}),
    ]
"""


def test_a_parameter_that_must_be_given_stands_in_the_line_as_dots(install: Install) -> None:
    install("fake", UNUSUAL)

    assert one("high")["example"] == 'heads.TASK = { name = "high", height = ... }'


def test_parameters_without_a_json_schema(install: Install) -> None:
    install("fake", UNUSUAL)

    with pytest.raises(
        PluginError, match=r"^combiner 'told' of fake: the JSON Schema of its para"
    ):
        details(Registry.load(), "told")


def test_details_tell_all_that_a_spec_says(install: Install) -> None:
    install("fake", UNUSUAL)
    record = one("mean")

    told = ("target", "needs", "observes", "promises", "expected_failures")
    assert [record[key] for key in told] == [
        "fake:Mean",
        "gramian",
        True,
        ["permutation-equivariant"],
        {"differs-from-sum": "it is the sum, scaled"},
    ]
    assert one("high")["output"] == "unit"
    assert "output" not in record
