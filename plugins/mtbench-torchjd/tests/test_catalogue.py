"""The catalogue: complete, light to list, documented; and made of mtbench's public names only."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from torchjd import aggregation

from mtbench_torchjd import COMBINERS
from mtbench_torchjd.solvers import PACKAGES

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src").rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLIC = ("mtbench.api", "mtbench.testing")

LEFT_OUT = ("ExcessMTL", "MoDoWeighting", "SDMGradWeighting")
ABSTRACT = ("Aggregator", "WeightedAggregator", "GramianWeightedAggregator", "Weighting")


def imports(path: Path) -> Iterator[str]:
    """Yield what a file imports of mtbench."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [str(node.module)]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "mtbench")


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((ROOT / "tests").glob("*.py"))], ids=lambda path: path.name
)
def test_nothing_but_what_is_public_is_used(path: Path) -> None:
    assert [name for name in imports(path) if name not in PUBLIC] == []


def test_something_public_is_used() -> None:
    assert {name for path in MODULES for name in imports(path)} == {"mtbench.api"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_opens_with_one_sentence_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first, *rest = (ast.get_docstring(ast.parse(text)) or "").split("\n")
    assert first.endswith(".")
    assert not re.search(r"[.!?] [A-Z]", first)
    assert not any(rest[:1])
    assert len(text.splitlines()) <= 300


def test_every_aggregator_of_torchjd_is_there_or_left_out_with_a_reason() -> None:
    methods = {
        name.removesuffix("Weighting").lower()
        for name in aggregation.__all__
        if name not in (*ABSTRACT, *LEFT_OUT, *(f"{name}Weighting" for name in LEFT_OUT))
    }
    ours = {spec.name.removeprefix("torchjd-").replace("-", "") for spec in COMBINERS}
    assert ours == methods
    assert [name for name in LEFT_OUT if f"`{name}`" not in README] == []


def test_listing_imports_nothing_heavy() -> None:
    script = """
import sys, mtbench_torchjd
assert list(mtbench_torchjd.mtbench_combiners())
heavy = {"torch", "torchjd", "pydantic", "cvxpy", "qpsolvers", "scipy", "numpy"}
print(sorted(heavy & set(sys.modules)))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_every_name_and_parameter_is_in_the_readme(name: str) -> None:
    (spec,) = (spec for spec in COMBINERS if spec.name == name)
    table = README.partition("| name |")[2].partition("\n\n")[0]
    (row,) = (line for line in table.splitlines() if f"`{name}`" in line)
    assert f"| {spec.needs.capitalize()} |" in row
    fields = resolve(spec.parameters).model_fields if spec.parameters else ()
    assert [field for field in fields if f"`{field}`" not in row] == []
    extra = name.removeprefix("torchjd-")
    assert row.endswith(f"| `{extra}` |") == (extra in PACKAGES)


def resolve(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def test_papers_are_named(name: str) -> None:
    (spec,) = (spec for spec in COMBINERS if spec.name == name)
    plain = name in ("torchjd-mean", "torchjd-sum", "torchjd-constant")
    assert bool(re.search(r"\b20[12]\d\b", spec.paper)) is not plain
