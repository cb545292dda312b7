from typing import Any

import pytest

from mtbench.errors import UsageError
from mtbench.matrix.configuration import overlay
from mtbench.matrix.designs import NamedCell, grid
from mtbench.matrix.exclusions import check, deciding, holds

AXES = {
    "combiner": ["sum", "pcgrad"],
    "heads.sts": ["linear", {"name": "linear", "pair": "joined"}],
    "heads.sts.dropout": [0.0, 0.3],
}
BASE = overlay(
    {},
    {
        "tasks": ["sts"],
        "encoder": {"name": "minbert", "layers": 2, "mode": "frozen"},
        "train": {"batch_size": {"sts": 8}},
    },
)
CELLS = list(grid(BASE, AXES))


def left_out(exclusion: dict[str, Any]) -> list[NamedCell]:
    return [cell for cell in CELLS if holds(exclusion, cell)]


@pytest.mark.parametrize(
    ("exclusion", "count"),
    [
        ({"combiner": "pcgrad"}, 4),
        ({"combiner": "pcgrad", "heads.sts.dropout": 0.3}, 2),
        # As the axis writes it: the joined one is another value.
        ({"heads.sts": "linear"}, 4),
        ({"heads.sts": {"name": "linear", "pair": "joined"}}, 4),
        ({"heads.sts": {"pair": "joined"}}, 0),
        # Keys that are no axis: a name whatever its parameters, a table by what it says.
        ({"encoder": "minbert"}, 8),
        ({"encoder": {"mode": "frozen"}}, 8),
        ({"encoder": {"mode": "finetune"}}, 0),
        ({"encoder.layers": 2}, 8),
        ({"encoder.layers": 3}, 0),
        ({"tasks": ["sts"]}, 8),
        ({"train.batch_size.sts": 8}, 8),
        ({"train.lr": 1e-3}, 0),
        ({"tasks.sts": 1}, 0),
    ],
)
def test_an_exclusion_holds(exclusion: dict[str, Any], count: int) -> None:
    assert len(left_out(exclusion)) == count


def test_what_fits_is_not_complained_of() -> None:
    check([{"combiner": "pcgrad"}, {"encoder.mode": "frozen"}], CELLS)


@pytest.mark.parametrize(
    ("exclusion", "message"),
    [
        (
            {"encoder.layer": 2},
            "unknown key 'encoder.layer' in [[exclude]]; did you mean 'encoder.layers'? (known: ",
        ),
        (
            {"encoder": "minbrt"},
            "unknown value 'minbrt' in [[exclude]] encoder (known: minbert{layers=2,mode=frozen})",
        ),
        (
            {"heads.sts.dropout": 0.2},
            "unknown value '0.2' in [[exclude]] heads.sts.dropout; did you mean '0.3'? "
            "(known: 0.0, 0.3)",
        ),
    ],
)
def test_what_fits_no_cell(exclusion: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check([exclusion], CELLS)
    assert str(caught.value).startswith(message)


def test_what_holds_one_by_one_and_never_together() -> None:
    chosen = [cell for cell in CELLS if cell.levels["combiner"] == "sum"] + left_out(
        {"combiner": "pcgrad", "heads.sts.dropout": 0.0}
    )

    with pytest.raises(
        UsageError,
        match=r"^\[\[exclude\]\] combiner=pcgrad, heads.sts.dropout=0.3: no cell of the design",
    ):
        check([{"combiner": "pcgrad", "heads.sts.dropout": 0.3}], chosen)


EXCLUSIONS = [
    {"combiner": "pcgrad", "heads.sts.dropout": 0.3},
    {"combiner": "pcgradd", "heads.sts.dropout": 0.3},
    {"heads.sts.pair": "joined", "combiner": "pcgrad"},
    {"heads.sts.pair": "apart"},
    {"encoder.mode": "frozen"},
    {"train.batch_size.sts": 8, "heads.sts": "linear"},
    {"train.epochs": 3},
    {"heads": {"sts": {"name": "linear", "dropout": 0.3}}},
    {"encoder": "minbert"},
]


@pytest.mark.parametrize("exclusion", EXCLUSIONS, ids=str)
def test_few_cells_decide_what_the_whole_grid_would(exclusion: dict[str, Any]) -> None:
    few = deciding(exclusion, BASE, AXES)

    assert any(holds(exclusion, cell) for cell in few) == bool(left_out(exclusion))
    assert len(few) < len(CELLS)


def test_of_two_budgets_the_axis_of_one_decides_about_the_other() -> None:
    base = overlay(BASE, {"train.epochs": 3})
    cells = deciding({"train.epochs": 3}, base, {"train.steps": [5], "train.lr": [1, 2, 3]})

    assert [holds({"train.epochs": 3}, cell) for cell in cells] == [False]
    assert (
        len(deciding({"train.epochs": 3}, base, {"train.steps": [5, 6], "train.lr": [1, 2]})) == 2
    )


@pytest.mark.parametrize(
    ("exclusion", "holding"),
    [
        ({"train.threads": 1}, True),
        ({"train.threads": 1.0}, True),
        ({"train.threads": True}, False),
        ({"encoder": {"layers": 1}}, True),
        ({"encoder": {"layers": True}}, False),
        ({"combiner.flag": True}, True),
        ({"combiner.flag": 1}, False),
    ],
)
def test_a_boolean_is_no_number(exclusion: dict[str, Any], holding: bool) -> None:
    written = {
        "encoder": {"name": "minbert", "layers": 1},
        "combiner": {"name": "own", "flag": True},
        "train": {"threads": 1},
    }
    assert holds(exclusion, NamedCell("base", overlay({}, written))) == holding
