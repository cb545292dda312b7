from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import REQUEST, RESULT, Failure, Identity, Store
from mtbench.study.relatives import Moved, Relatives

Write = Callable[..., Any]

TASKS = dict.fromkeys(("sst", "pd"), ("accuracy", [0, 1], [0, 1]))
IDENTITY: dict[str, Any] = {
    "numerics": 2,
    "device": "cpu",
    "config": {
        **{part: {"name": part} for part in ("encoder", "balancer")},
        "heads": {},
        "tasks": {task: {"name": task} for task in ("sst", "pd")},
        "train": {"lr": 0.1, "batch_size": 8, "steps": 3, "epochs": None, "evaluations": 1},
        "data": {"fraction": 1.0},
        "combiner": {"name": "sum"},
    },
    "task_order": ["sst", "pd"],
    "data": {"sst": {"train": "a", "dev": "b"}, "pd": {"train": "c", "dev": "d"}},
    "weights": None,
    "code": {"combiner": "e"},
}
"""Of a cell, with two tasks."""


def but(part: str, value: Any) -> Identity:
    """Return the identity with another value in one part, such as ``config.train.lr``."""

    def replaced(table: dict[str, Any], names: list[str]) -> dict[str, Any]:
        first, *rest = names
        return {**table, first: replaced(table[first], rest) if rest else value}

    return Identity.model_validate(replaced(IDENTITY, part.split(".")))


SAME = but("numerics", 2)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def stored(write_stored: Write) -> Write:
    """Give a function that stores a run with an identity, and returns its key."""

    def write(identity: Identity, **given: Any) -> str:
        return str(write_stored(TASKS, request={"identity": identity}, **given).key)

    return write


# --- runs that agree in all but the data ------------------------------------------------------

WITHOUT_SST = but("data", {"pd": IDENTITY["data"]["pd"]})


def test_runs_that_agree_in_all_but_the_data_of_a_task(store: Store, stored: Write) -> None:
    keys = {stored(SAME, seed=seed) for seed in (0, 1)}
    other_sst = stored(but("data.sst.dev", "x"))
    for part, value in (
        ("data.pd.dev", "x"),
        ("config.train.lr", 0.2),
        ("code.combiner", "x"),
        ("weights", "x"),
        ("device", "cuda"),
        ("numerics", 1),
        ("task_order", ["pd", "sst"]),
    ):
        stored(but(part, value))

    found = Relatives(store).but_for_data(WITHOUT_SST, {"sst"})

    assert {run.request.key for run in found} == {*keys, other_sst}
    assert {run.request.seed for run in found} == {0, 1}


def test_a_run_without_a_score_is_no_relative(store: Store, stored: Write) -> None:
    failed, torn, asked = (stored(SAME, seed=seed) for seed in range(3))
    store.run(failed).end(Failure(error="it broke", traceback=""))
    (store.run(torn).path / RESULT).write_text("{")
    (store.run(asked).path / RESULT).unlink()
    (store.runs / "nothing in it").mkdir()

    relatives = Relatives(store)

    assert relatives.but_for_data(WITHOUT_SST, {"sst"}) == []
    assert relatives.nearest("a cell", 0, but("numerics", 1)) is None


def test_an_empty_store_has_no_relatives(store: Store) -> None:
    assert Relatives(store).but_for_data(WITHOUT_SST, {"sst"}) == []
    assert Relatives(store).nearest("a cell", 0, SAME) is None
    assert not store.root.exists()


def test_a_request_is_read_once(store: Store, stored: Write) -> None:
    for seed in range(3):
        stored(SAME, seed=seed)
    relatives = Relatives(store)
    relatives.nearest("a cell", 0, but("numerics", 1))
    for file in store.runs.rglob(REQUEST):
        file.unlink()

    assert relatives.nearest("a cell", 2, but("numerics", 1)) is not None
    assert len(relatives.but_for_data(WITHOUT_SST, {"sst"})) == 3


# --- why a run is not stored ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("config.train.lr", 0.2, "config.train.lr"),
        (
            "config.combiner",
            {"name": "pcgrad", "more": 1},
            "config.combiner.name, config.combiner.more",
        ),
        ("code.combiner", "x", "source of combiner"),
        ("data.sst.dev", "x", "data.sst"),
        ("weights", "x", "weights"),
        ("device", "cuda", "device"),
        ("numerics", 3, "numerics"),
        ("task_order", ["pd", "sst"], "task_order"),
    ],
    ids=["setting", "component", "code", "data", "weights", "device", "numerics", "order"],
)
def test_what_moved_a_key_is_named(
    store: Store, stored: Write, part: str, value: Any, told: str
) -> None:
    key = stored(SAME)

    moved = Relatives(store).nearest("a cell", 0, but(part, value))

    assert moved is not None
    assert (moved.key, moved.differing) == (key, told)


def test_a_run_of_another_name_is_none(store: Store, stored: Write) -> None:
    stored(SAME)
    now = but("numerics", 3)

    relatives = Relatives(store)

    assert relatives.nearest("a cell", 0, now, matrix="a study") is not None
    assert relatives.nearest("a cell", 0, now, matrix="another study") is None
    assert relatives.nearest("a cell", 1, now) is None
    assert relatives.nearest("another cell", 0, now) is None
    assert relatives.nearest("a cell", 0, SAME) is None


def test_the_nearest_of_several_is_told(store: Store, stored: Write) -> None:
    train = dict(SAME.config["train"])
    far = but("config.train", {**train, "lr": 0.3, "steps": 4})
    near = stored(but("code.combiner", "x"))
    stored(far)

    assert Relatives(store).nearest("a cell", 0, SAME) == Moved(near, ["code.combiner"])


def test_data_that_cannot_be_read_are_not_compared(store: Store, stored: Write) -> None:
    key = stored(but("device", "cuda"))

    assert Relatives(store).nearest("a cell", 0, WITHOUT_SST) == Moved(key, ["device"])


def test_of_many_parts_the_first_are_told() -> None:
    assert Moved("key", [f"config.train.{n}" for n in range(30)]).differing == (
        ", ".join(f"config.train.{n}" for n in range(10)) + ", ..."
    )
