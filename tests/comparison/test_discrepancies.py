from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from mtbench.comparison.discrepancies import configuration, environment, pairing
from mtbench.comparison.subjects import ComparedCell
from mtbench.store import CHECKPOINT

Write = Callable[..., Any]

TASKS = {"pd": ("accuracy", [0, 1, 1], [0, 1, 0])}


def asked(**changes: Any) -> dict[str, Any]:
    """Return a request with changes at its top, or at ``config`` or ``identity`` with dots."""
    request: dict[str, Any] = {
        "config": {
            "tasks": {"pd": {"name": "pd"}},
            "heads": {"pd": {"name": "linear", "dropout": 0.1}},
            "combiner": {"name": "sum"},
            "train": {"lr": 0.1, "steps": None},
            "data": {"dir": "/here"},
        },
        "identity": {
            "numerics": 2,
            "data": {"pd": {"train": "t", "dev": "d"}},
            "weights": "w",
            "code": {"tasks.pd": "p", "combiner": "c", "heads.pd": "h"},
        },
        "providers": {"tasks.pd": "mtbench 1", "combiner": "mtbench 1", "heads.pd": "mtbench 1"},
        "versions": {"torch": "2.0"},
    }
    for key, value in changes.items():
        table, *path = request, *key.split("__")
        for part in path[:-1]:
            table = table[part]
        table[path[-1]] = value
    return request


@pytest.fixture
def cell(write_stored: Write) -> Callable[..., ComparedCell]:
    made: list[str] = []

    def write(*requests: Mapping[str, Any], **given: Any) -> ComparedCell:
        made.append("")
        runs = {
            seed: write_stored(
                TASKS, seed=seed, key=f"{len(made)}-{seed}", request=request, **given
            )
            for seed, request in enumerate(requests)
        }
        return ComparedCell("a cell", "a cell", runs)

    return write


def told(found: list[Any]) -> dict[str, tuple[Any, Any]]:
    return {d.key: (d.a, d.b) for d in found}


def test_equal_records_have_no_difference(cell: Callable[..., ComparedCell]) -> None:
    a, b = cell(asked()), cell(asked())
    assert (configuration(a, b), environment(a, b)) == ([], [])


def test_arithmetic_is_of_the_surroundings(cell: Callable[..., ComparedCell]) -> None:
    a, b = (cell(asked()) for _ in "ab")
    for side, capability in ((a, "AVX2"), (b, "AVX512")):
        folder = side.runs[0]
        arithmetic = {"cpu_capability": capability}
        folder.end(folder.result().model_copy(update={"arithmetic": arithmetic}))
    assert told(environment(a, b)) == {"arithmetic, cpu_capability": ("AVX2", "AVX512")}


def test_settings_are_told_by_their_dotted_keys(cell: Callable[..., ComparedCell]) -> None:
    a = cell(asked())
    b = cell(
        asked(
            config__heads__pd={"name": "mlp", "width": 9, "dropout": 0.1},
            config__train={"lr": 0.1, "steps": 5},
            config__data={"dir": "/there"},
        )
    )
    assert told(configuration(a, b)) == {
        "heads.pd.name": ("linear", "mlp"),
        "heads.pd.width": (None, 9),
        "train.steps": (None, 5),
    }


def test_surroundings_are_versions_machine_numerics_sources_and_data(
    cell: Callable[..., ComparedCell],
) -> None:
    a = cell(asked())
    b = cell(
        asked(
            config__data={"dir": "/there"},
            identity__numerics=3,
            identity__weights="v",
            identity__code={"tasks.pd": "p", "combiner": "edited", "heads.pd": "h"},
            identity__data={"pd": {"train": "t", "dev": "other"}},
            versions={"torch": "2.1", "numpy": "2"},
            providers={"tasks.pd": "mtbench 2", "combiner": "mtbench 1", "heads.pd": "mtbench 1"},
            machine={"cores": 8},
            device="cuda:0",
        )
    )
    assert told(environment(a, b)) == {
        "version of torch": ("2.0", "2.1"),
        "version of numpy": (None, "2"),
        "plugin of tasks.pd": ("mtbench 1", "mtbench 2"),
        "source of combiner": ("c", "edited"),
        "dev data of pd": ("d", "other"),
        "checkpoint": ("w", "v"),
        "NUMERICS": (2, 3),
        "device": ("cpu", "cuda:0"),
        "machine, cores": (2, 8),
        "data.dir": ("/here", "/there"),
    }


def test_the_source_of_another_component_goes_without_saying(
    cell: Callable[..., ComparedCell],
) -> None:
    a = cell(asked())
    b = cell(
        asked(
            config__combiner={"name": "pcgrad"},
            identity__code={"tasks.pd": "p", "combiner": "q", "heads.pd": "h"},
        )
    )
    assert told(configuration(a, b)) == {"combiner.name": ("sum", "pcgrad")}
    assert environment(a, b) == []


def test_runs_of_one_cell_that_differ_show_all_values(cell: Callable[..., ComparedCell]) -> None:
    a = cell(asked(), asked(versions={"torch": "2.1"}))
    b = cell(asked())
    assert told(environment(a, b)) == {"version of torch": ("2.0 / 2.1", "2.0")}


def hashes(**given: str) -> dict[str, Any]:
    return {"hashes": {"initial_weights": given, "order": {"pd": "o"}}}


def test_equal_hashes_pair(cell: Callable[..., ComparedCell]) -> None:
    a, b = (cell(asked(), asked(), **hashes(encoder="e", **{"heads.pd": "h"})) for _ in "ab")
    found = pairing(a, b, [(0, 0), (1, 1)])
    assert found.weights == {"encoder": "same", "heads.pd": "same"}
    assert found.order == {"pd": "same"}
    assert found.examples == {"pd": "same"}


def test_one_seed_that_differs_is_enough(
    cell: Callable[..., ComparedCell], write_stored: Write
) -> None:
    a = cell(asked(), asked(), **hashes(encoder="e"))
    other = {"initial_weights": {"encoder": "f"}, "order": {"pd": "p"}}
    odd = write_stored(TASKS, seed=1, key="odd", request=asked(), hashes=other)
    b = ComparedCell("b", "b", {**a.runs, 1: odd})
    assert pairing(a, b, [(0, 0)]).weights == {"encoder": "same"}
    found = pairing(a, b, [(0, 0), (1, 1)])
    assert (found.weights, found.order) == ({"encoder": "different"}, {"pd": "different"})


@pytest.mark.parametrize(("width", "agreement"), [(2, "different"), (3, "other shape")])
def test_a_module_of_another_shape_cannot_have_the_same_weights(
    cell: Callable[..., ComparedCell], width: int, agreement: str
) -> None:
    a = cell(asked(), **hashes(**{"heads.pd": "h"}))
    b = cell(asked(), **hashes(**{"heads.pd": "i"}))
    for side, columns in ((a, 2), (b, width)):
        tensors = {
            "heads.pd_head.weight": np.zeros((1, columns), np.float32),
            "encoder.weight": np.zeros((4, 4), np.float32),
        }
        save_file(tensors, side.runs[0].path / CHECKPOINT)
    assert pairing(a, b, [(0, 0)]).weights == {"heads.pd": agreement}


def test_other_examples_are_told(write_stored: Write) -> None:
    a = ComparedCell("a", "a", {0: write_stored(TASKS, key="a")})
    b = ComparedCell("b", "b", {0: write_stored(TASKS, key="b", ids=["x", "y", "z"])})
    assert pairing(a, b, [(0, 0)]).examples == {"pd": "different"}
