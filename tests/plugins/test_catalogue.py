"""The catalogue: what is built in, as it is declared, made and listed."""

import subprocess
import sys

import pytest

from mtbench.components.entries import build_parameters
from mtbench.components.registry import Registry
from mtbench.specs import Spec, resolve
from mtbench_builtins.balancers import mtbench_balancers
from mtbench_builtins.combiners import mtbench_combiners
from mtbench_builtins.encoders import MINBERT, TINY, mtbench_encoders
from mtbench_builtins.heads import mtbench_heads
from mtbench_builtins.tasks import mtbench_tasks

SPECS: dict[str, list[Spec]] = {
    "task": [*mtbench_tasks()],
    "encoder": [*mtbench_encoders()],
    "head": [*mtbench_heads()],
    "balancer": [*mtbench_balancers()],
    "combiner": [*mtbench_combiners()],
}
NAMES = {
    "task": "sst pd sts cfimdb table sample-sst sample-pd sample-sts",
    "encoder": "minbert tiny huggingface",
    "head": "linear scaled-linear cosine relu-cosine abs-diff bilinear mlp",
    "balancer": "single round-robin cycle uniform proportional temperature annealed",
    "combiner": "sum pcgrad gradvac cagrad mgda imtl-g graddrop uncertainty dwa rlw famo",
}


@pytest.mark.parametrize("kind", SPECS)
def test_names(kind: str) -> None:
    assert [spec.name for spec in SPECS[kind]] == NAMES[kind].split()


def test_what_sets_some_of_them_apart() -> None:
    assert {spec.name: spec.needs for spec in SPECS["combiner"] if spec.needs != "losses"} == {
        **dict.fromkeys(("pcgrad", "gradvac", "cagrad", "mgda", "imtl-g"), "gramian"),
        "graddrop": "jacobian",
    }
    assert [spec.name for spec in SPECS["combiner"] if spec.observes] == ["famo"]
    assert [spec.name for spec in SPECS["head"] if spec.output == "unit"] == ["cosine"]
    assert MINBERT.locations == {"checkpoint", "revision"}
    assert TINY.locations == frozenset()
    for part in ("target", "tokenizer", "fingerprint"):
        assert getattr(TINY, part) == getattr(MINBERT, part)


@pytest.mark.parametrize(
    "name", [f"{kind}:{spec.name}" for kind in ("balancer", "combiner") for spec in SPECS[kind]]
)
def test_a_target_is_made_from_its_example_and_has_what_its_spec_says(name: str) -> None:
    kind, _, name = name.partition(":")
    entry = Registry.load().find(kind, name)
    made = resolve(entry.spec.target)(build_parameters(entry, entry.spec.example, where=name))
    assert callable(made.steps if kind == "balancer" else made.combine)
    if kind == "combiner":
        assert hasattr(made, "observe") == entry.spec.observes
        assert hasattr(made, "state_dict") == hasattr(made, "load_state_dict")


def test_listing_imports_nothing_heavy() -> None:
    code = """
import sys
from mtbench.specs import resolve
from mtbench_builtins import balancers, combiners, encoders, heads, tasks
heavy = {"torch", "pydantic", "scipy", "numpy", "transformers"}
for kind in (balancers, combiners, encoders, heads, tasks):
    assert not heavy & set(sys.modules), kind
for spec in balancers.mtbench_balancers():
    resolve(spec.target)
assert not heavy & set(sys.modules), "to balance is pure Python"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
