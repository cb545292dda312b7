from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from mtbench.comparison.comparison import Comparisons, compare_sides
from mtbench.comparison.document import document
from mtbench.comparison.subjects import ComparedCell, Side
from mtbench.rendering import render

Write = Callable[..., Any]

A = {0: [1, 1, 0, 0], 1: [1, 0, 0, 0]}
B = {0: [1, 1, 1, 0], 1: [1, 1, 1, 0]}


@pytest.fixture
def cell(write_stored: Write) -> Callable[..., ComparedCell]:
    def write(name: str, seeds: Mapping[int, Sequence[float]], combiner: str) -> ComparedCell:
        request = {
            "config": {
                "tasks": {"pd": {"name": "pd"}},
                "combiner": {"name": combiner},
                "data": {"dir": None},
            },
            "identity": {"weights": {"sum": "a" * 64, "pcgrad": "b" * 64}[combiner]},
        }
        hashes = {"initial_weights": {"encoder": "e"}}
        runs = {
            seed: write_stored(
                {"pd": ("accuracy", [1, 1, 1, 1], predicted)},
                seed=seed,
                key=f"{name}-{combiner}-{seed}",
                request=request,
                hashes=hashes,
            )
            for seed, predicted in seeds.items()
        }
        return ComparedCell(name, f"m::{name}", runs)

    return write


@pytest.fixture
def pair(cell: Callable[..., ComparedCell]) -> Comparisons:
    a, b = cell("a|b", A, "sum"), cell("c", B, "pcgrad")
    return compare_sides(Side("m::a|b", [a], True), Side("m::c", [b], True), examples=0)


@pytest.fixture
def many(cell: Callable[..., ComparedCell]) -> Comparisons:
    x, y = cell("x", A, "sum"), cell("y", A, "sum")
    better = ComparedCell("y", "n::y", cell("y", B, "pcgrad").runs)
    return compare_sides(
        Side("m", [x, y, cell("only here", A, "sum")], absent={"v": "rejected: no sense"}),
        Side("n", [x, better]),
    )


def lines(text: str) -> list[str]:
    """Return the lines of a text, without blanks in a row and rules."""
    return [" ".join(line.split()) for line in text.splitlines() if not line.startswith("--")]


def test_two_cells_are_told_in_sections(pair: Comparisons) -> None:
    assert lines(render(document(pair))) == [
        "a|b (A) and c (B)",
        "A: m::a|b, seeds 0, 1",
        "B: m::c, seeds 0, 1",
        "",
        "configuration",
        "key A B",
        "combiner.name sum pcgrad",
        "",
        "environment",
        "key A B",
        "checkpoint aaaaaaaaaaaa bbbbbbbbbbbb",
        "",
        "pairing",
        "first weights: same (encoder)",
        "order of the training examples: same (pd)",
        "dev examples: same (pd)",
        "",
        "scores on dev, over seeds and examples",
        "task A B B - A 95 % interval p p (Holm)",
        "pd accuracy 0.375 0.750 +0.375 -0.532 to +1.282 0.241 0.241",
        "overall 0.375 0.750 +0.375 -0.532 to +1.282 0.241 -",
        "",
        "right and wrong (pairs of a seed and an example)",
        "task A right, B wrong A wrong, B right both right both wrong lost in most seeds "
        "won in most seeds",
        "pd 0 3 3 2 0 1",
    ]


def test_many_cells_are_a_table(many: Comparisons) -> None:
    shown = lines(render(document(many)))
    assert shown == [
        "overall on dev, cell by cell",
        "cell seeds A B B - A 95 % interval p p (Holm) remark",
        "x 2 0.375 0.375 +0.000 +0.000 to +0.000 1.000 1.000 identical outcomes",
        "y 2 0.375 0.750 +0.375 -0.532 to +1.282 0.241 0.482",
        "A: m",
        "B: n",
        "p (Holm) is adjusted over the cells",
        "only in A: only here",
        "not compared: v: rejected: no sense",
        "A and B are the same stored runs (x)",
    ]


def test_details_add_every_pair_in_full(many: Comparisons) -> None:
    short, long = (render(document(many, details=details)) for details in (False, True))
    assert long.startswith(short)
    assert long.count("scores on dev") == 2
    assert "identical outcomes: every example of dev, in every compared seed" in long


def test_records_are_a_row_a_cell_and_task_with_all_digits(many: Comparisons) -> None:
    rows = document(many).records()
    assert [(row["cell_a"], row["what"], row["identical"]) for row in rows] == [
        ("x", "pd", True),
        ("x", "overall", True),
        ("y", "pd", False),
        ("y", "overall", False),
    ]
    assert rows[3]["difference"] == 0.375
    assert rows[3]["low"] == pytest.approx(-0.532476879)
    assert [row["p_holm_cells"] is not None for row in rows] == [False, True, False, True]


def test_json_has_all_of_it(many: Comparisons) -> None:
    make = document(many).value
    assert make is not None
    value = make()
    assert (value["only_a"], value["only_b"]) == (["only here"], [])
    assert value["absent"] == {"v": "rejected: no sense"}
    pair = value["pairs"][1]
    assert pair["a"] == {
        "address": "m::y",
        "cell": "y",
        "runs": {"0": "y-sum-0", "1": "y-sum-1"},
    }
    assert pair["seeds"] == [[0, 0], [1, 1]]
    assert pair["configuration"] == [{"key": "combiner.name", "a": "sum", "b": "pcgrad"}]
    assert pair["environment"] == [{"key": "checkpoint", "a": "a" * 64, "b": "b" * 64}]
    assert pair["pairing"]["examples"] == {"pd": "same"}
    assert pair["flips"][0]["counts"] == {"both": 3, "a": 0, "b": 3, "none": 2}
    assert pair["p_holm_cells"] == pytest.approx(2 * pair["scores"][1]["p"])
