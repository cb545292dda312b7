"""The schema against real matrix files, by a validator of JSON Schema."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mtbench.components.registry import Registry
from mtbench.matrix.schema import matrix_schema

NESTED = """
from pydantic import BaseModel

from mtbench.api import CombinerSpec, Parameters, hookimpl


class Window(BaseModel):
    steps: int = 5


class Windowed(Parameters):
    window: Window


@hookimpl
def mtbench_combiners():
    return [CombinerSpec(name="{name}", summary="", target="x:X", needs="losses",
                         parameters=Windowed)]
"""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return matrix_schema(Registry.load(), warn=pytest.fail)


def faults(schema: dict[str, Any], text: str) -> list[str]:
    """Return where a matrix is not what the schema says."""
    errors = Draft202012Validator(schema).iter_errors(tomllib.loads(text))
    return [error.json_path for error in errors]


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_the_studies_of_the_project_fit(schema: dict[str, Any], root: Path) -> None:
    files = sorted(root.glob("leaderboards/*/matrix.toml"))
    assert files
    for file in files:
        assert faults(schema, file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "base",
    [
        'encoder = { name = "mtl-bench/minbert", layers = 3 }',
        "heads = { sst = { dropout = 0.2 } }",
        '"heads.sst" = "linear"',
        '"heads.sst.pooling" = "mean"',
        '"encoder.mode" = "frozen"',
        '"train.lr" = 1e-3',
        "train = { batch_size = { sst = 4 } }",
    ],
)
def test_ways_to_write_a_key(schema: dict[str, Any], base: str) -> None:
    text = f'[base]\ntasks = ["sst", {{ name = "sst", as = "mood" }}]\n{base}'
    assert faults(schema, text) == []


@pytest.mark.parametrize(
    "axes",
    [
        'combiner = ["sum", { name = "pcgrad" }]',
        '"heads.sst" = ["linear"]',
        'heads.sst = ["linear"]',
        "train.lr = [1e-3, 1e-4]",
        'encoder.mode = ["frozen", "finetune"]',
    ],
)
def test_ways_to_write_an_axis(schema: dict[str, Any], axes: str) -> None:
    assert faults(schema, f'[base]\ntasks = ["sst"]\n[axes]\n{axes}') == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "$"),
        ("[base]\ntasks = []", "$.base.tasks"),
        ("seeds = 0\n[base]", "$.seeds"),
        ('design = "gird"\n[base]', "$.design"),
        ('[base]\nencodre = "tiny"', "$.base"),
        ('[base]\nencoder = "tinny"', "$.base.encoder"),
        ('[base]\ncombiner = { name = "cycle" }', "$.base.combiner"),
        ('[base]\nbalancer = { name = "single" }', "$.base.balancer"),
        ('[base]\nheads = { sst = { name = "linear", pooling = "maen" } }', "$.base.heads.sst"),
        ("[base]\ntrain = { lr = -1.0 }", "$.base.train.lr"),
        ('[base]\n[axes]\n"train.lr" = 1', "$.axes['train.lr']"),
        ('[base]\n[axes]\ncombiner = ["som"]', "$.axes.combiner"),
        ('design = "ladder"\n[base]\n[[steps]]\nset = { encodr = 1 }', "$.steps[0]"),
    ],
)
def test_mistakes(schema: dict[str, Any], text: str, where: str) -> None:
    assert any(path.startswith(where) for path in faults(schema, text))


DESIGNS = """
design = "{design}"
[base]
tasks = ["sst"]
[axes]
train.lr = [1e-3, 1e-4]
[[include]]
name = "frozen"
set = {{ "encoder.mode" = "frozen" }}
[[exclude]]
train.lr = {rate}
"""


@pytest.mark.parametrize("design", ["grid", "one-at-a-time", "staged"])
def test_designs_of_axes(schema: dict[str, Any], design: str) -> None:
    assert faults(schema, DESIGNS.format(design=design, rate=1e-3)) == []
    assert faults(schema, DESIGNS.format(design=design, rate=-1)) == ["$.exclude[0].train.lr"]


def test_leave_one_out(schema: dict[str, Any]) -> None:
    text = 'design = "leave-one-out"\n[base]\n[[parts]]\nname = "a"\nset = { combiner = "%s" }\n'

    assert faults(schema, text % "pcgrad") == []
    assert faults(schema, text % "pcgradd") == ["$.parts[0].set.combiner"]
    assert faults(schema, "[base]\n[[exclude]]\n") == ["$.exclude[0]"]


def test_models_inside_parameters(install: Callable[..., Path]) -> None:
    install("fake", NESTED.replace("{name}", "one"))
    install("other", NESTED.replace("{name}", "one").replace("int = 5", 'str = ""'))
    schema = matrix_schema(Registry.load(), warn=pytest.fail)
    matrix = '[base]\ncombiner = {{ name = "{}", window = {{ steps = {} }} }}'

    assert faults(schema, matrix.format("fake/one", 3)) == []
    assert faults(schema, matrix.format("other/one", 3)) == ["$.base.combiner"]
    assert faults(schema, matrix.format("one", 3)) == ["$.base.combiner"]


OPEN = """
from collections.abc import Callable

from mtbench.api import CombinerSpec, Parameters, hookimpl


class Told(Parameters):
    rule: Callable[[float], float] | None = None


@hookimpl
def mtbench_combiners():
    common = {"summary": "", "target": "x:X", "needs": "losses"}
    return [
        CombinerSpec(name="told", parameters=Told, **common),
        CombinerSpec(name="gone", parameters="no_such_module:X", **common),
    ]
"""


def test_what_has_no_schema_is_open_and_told(install: Callable[..., Path]) -> None:
    install("fake", OPEN)
    told: list[str] = []
    schema = matrix_schema(Registry.load(), warn=lambda error: told.append(str(error)))

    assert [text.partition(":")[0] for text in told] == [
        "combiner 'told' of fake",
        "combiner 'gone' of fake",
    ]
    assert "PydanticInvalidForJsonSchema" in told[0]
    assert "No module named 'no_such_module'" in told[1]
    for name in ("told", "gone"):
        assert faults(schema, f'[base]\ncombiner = {{ name = "{name}", rule = 3 }}') == []
    assert faults(schema, '[base]\ncombiner = { name = "sum", rule = 3 }') == ["$.base.combiner"]


def test_it_tells_what_every_key_means(schema: dict[str, Any]) -> None:
    base = schema["properties"]["base"]["properties"]
    train = base["train"]["properties"]

    assert (
        train["lr"]
        == base["train.lr"]
        == {
            "default": 1e-05,
            "description": "peak learning rate of AdamW.",
            "exclusiveMinimum": 0,
            "type": "number",
        }
    )
    assert base["train"]["description"] == "How a cell is trained."
    assert base["data"]["properties"]["dir"]["description"].startswith("folder of the data sets")
    tables = [option for option in schema["$defs"]["head"]["anyOf"] if "properties" in option]
    told = [
        *schema["properties"].values(),
        *base.values(),
        *train.values(),
        *base["data"]["properties"].values(),
        *schema["$defs"]["NamedChange"]["properties"].values(),
        *(field for table in tables for field in table["properties"].values()),
    ]
    assert [field for field in told if not field.get("description")] == []
