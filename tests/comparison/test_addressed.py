from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.comparison.addressed import compare_addresses
from mtbench.comparison.reader import Reader
from mtbench.components.registry import Registry
from mtbench.errors import NothingToCompare, RunsMissing
from mtbench.store import Store
from mtbench.study.study import make_plan

Write = Callable[..., Any]

TASKS = {"sst": ("accuracy", [0, 1, 1], [0, 1, 0])}
MATRIX = """
seeds = 2
[base]
tasks = [{ name = "sample-sst", as = "sst", train = 8, dev = 4, test = 4 }]
train = { steps = 1 }
"""


def test_both_sides_are_found_and_their_problems_told(write_stored: Write, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(MATRIX)
    reader = Reader(lambda _: Registry.load())
    (cell,) = make_plan(matrix, Registry.load(), store).cells
    with pytest.raises(NothingToCompare, match=r"^nothing of .* is stored"):
        compare_addresses(reader, str(matrix), str(matrix), store)
    write_stored(TASKS, cell=cell.name, key=cell.runs[0].key)

    found = compare_addresses(reader, str(matrix), cell.runs[0].key, store)

    assert found.comparisons.pairs[0].identical
    (problem,) = found.problems
    assert isinstance(problem, RunsMissing)
    assert "1 of 2 runs have no score" in str(problem)
