import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from mtbench.errors import UsageError
from mtbench.matrix.configuration import (
    OF_MATRIX,
    SECTIONS,
    Config,
    DataConfig,
    Mark,
    TrainConfig,
    as_table,
    in_key,
    overlay,
)
from mtbench.matrix.file import Matrix

TABLES = tomllib.loads(Path(__file__).with_name("overlay.toml").read_text(encoding="utf-8"))
GIVEN: Config = TABLES["given"]
RULES = TABLES["rules"]


@pytest.mark.parametrize(("changes", "changed"), RULES.values(), ids=RULES)
def test_overlay(changes: dict[str, Any], changed: Config) -> None:
    given, before, changes_before = deepcopy(GIVEN), deepcopy(GIVEN), deepcopy(changes)

    assert overlay(given, changes) == GIVEN | changed
    assert (given, changes) == (before, changes_before)


ANY_CHANGES = {
    "tasks": ["pd"],
    "encoder": "huggingface",
    "encoder.mode": "finetune",
    "heads": {"pd": "linear"},
    "heads.sst": {"name": "mlp", "sizes": {"in": 1, "out": 3}},
    "heads.sst.sizes.in": 2,
    "heads.sts": {"dropout": 0.1},
    "combiner": {"order": "fixed"},
    "combiner.weights.sst": 2.0,
    "train": {"lr": 1e-3},
    "train.batch_size.sst": 4,
    "train.steps": 5,
    "data": {"fraction": 1.0},
}


@given(st.lists(st.sampled_from(sorted(ANY_CHANGES)), unique=True), st.randoms())
def test_changes_have_no_order_and_laid_twice_change_nothing(keys: list[str], random: Any) -> None:
    changes = {key: ANY_CHANGES[key] for key in keys}
    changed = overlay(GIVEN, changes)
    random.shuffle(keys)

    assert overlay(GIVEN, {key: ANY_CHANGES[key] for key in keys}) == changed
    assert overlay(changed, changes) == changed


def test_epochs_remove_steps() -> None:
    config = overlay({}, {"train": {"steps": 5}})

    assert overlay(config, {"train.epochs": 2}) == {"train": {"epochs": 2}}


def test_a_result_shares_nothing_that_can_change() -> None:
    sizes = {"sst": 8}

    first = overlay({}, {"train.batch_size": sizes, "train.batch_size.sts": 1})
    second = overlay(first, {"train.batch_size.sts": 2, "heads.sts.sizes.in": 1})
    overlay(second, {"train.batch_size.sts": 3, "heads.sts.sizes.in": 2, "balancer.a.b": 1})

    assert sizes == {"sst": 8}
    assert first == {"train": {"batch_size": {"sst": 8, "sts": 1}}}
    assert second == {
        "train": {"batch_size": {"sst": 8, "sts": 2}},
        "heads": {"sts": {"name": "linear", "sizes": {"in": 1}}},
    }
    assert overlay({}, {"balancer.c": 1}) == {"balancer": {"name": "cycle", "c": 1}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trian": {}}, "unknown key 'trian'; did you mean 'train'? (known: balancer, combiner, "),
        ({"head.sts": "cosine"}, "unknown key 'head' in head.sts; did you mean 'heads'?"),
        ({"": 1}, "unknown key '' (known: "),
        ({"tasks.sst": 1}, "tasks.sst: tasks are set as one list"),
        ({"encoder": 3}, "encoder: expected a name or a table, got 3"),
        ({"heads.sts": ["linear"]}, "heads.sts: expected a name or a table, got ['linear']"),
        ({"heads": {"sts": 3}}, "heads.sts: expected a name or a table, got 3"),
        ({"heads": "linear"}, "heads: expected a table, got 'linear'"),
        ({"train": 3}, "train: expected a table, got 3"),
        (
            {"combiner.layers": [1, 2], "combiner.layers.0": 3},
            "combiner.layers.0: layers is a list, which is set as a whole",
        ),
        (
            {"train.steps": 1, "train.epochs": 1},
            "exactly one of train.steps and train.epochs must be set, not both",
        ),
        (
            {"train": {"steps": 1, "epochs": 1}},
            "train: exactly one of steps and epochs must be set, not both",
        ),
    ],
)
def test_a_key_that_leads_nowhere(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        overlay(GIVEN, changes)

    assert str(caught.value).startswith(message)


def test_as_table() -> None:
    assert as_table({"a": 1}, "tasks") == {"a": 1}
    with pytest.raises(UsageError, match="tasks: expected a name or a table, got 1"):
        as_table(1, "tasks")


# --- sections ---------------------------------------------------------------------------------


def test_what_of_a_section_is_in_every_key() -> None:
    """A setting that is new here re-runs all that is stored: it is one that came ``LATER``."""
    assert in_key("train", TrainConfig(epochs=1).model_dump()) == {
        "lr": 1e-5,
        "warmup": 0.0,
        "decay": "none",
        "weight_decay": 0.0,
        "batch_size": 8,
        "micro_batch_size": None,
        "steps": None,
        "epochs": 1,
        "clip_norm": None,
        "evaluations": 1,
        "precision": "float32",
        "threads": 1,
    }
    assert in_key("data", DataConfig().model_dump()) == {"fraction": 1.0, "train_sample": 500}


def test_the_default_of_what_came_later_is_in_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    class Section(BaseModel):
        old: float = 0.5
        elsewhere: Annotated[float, Mark.KEYLESS] = 0.5
        new: Annotated[float, Mark.LATER] = Field(0.5, gt=0)

    monkeypatch.setitem(SECTIONS, "trial", Section)

    assert in_key("trial", Section().model_dump()) == {"old": 0.5}
    assert in_key("trial", Section(elsewhere=1, new=2).model_dump()) == {"old": 0.5, "new": 2.0}


@pytest.mark.parametrize("budget", [{}, {"steps": 1, "epochs": 1}])
def test_exactly_one_budget(budget: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=r"exactly one of train\.steps and train\.epochs"):
        TrainConfig(**budget)


@pytest.mark.parametrize(
    "given",
    [
        {"lr": 0},
        {"lr": float("inf")},
        {"lr": float("nan")},
        {"warmup": -0.1},
        {"warmup": 1},
        {"decay": "cosine"},
        {"weight_decay": -1},
        {"weight_decay": float("inf")},
        {"dropout": 1},
        {"dropout": -0.1},
        {"batch_size": 0},
        {"batch_size": {"sst": 0}},
        {"micro_batch_size": 0},
        {"steps": 0},
        {"clip_norm": 0},
        {"clip_norm": float("inf")},
        {"evaluations": 0},
        {"precision": "float16"},
        {"threads": 0},
        {"patience": 1},
    ],
)
def test_values_that_no_training_has(given: dict[str, Any]) -> None:
    TrainConfig(epochs=1)
    with pytest.raises(ValidationError):
        TrainConfig(**({"epochs": 1} | given))


@pytest.mark.parametrize("given", [{"fraction": 0}, {"fraction": 1.1}, {"train_sample": 0}])
def test_values_that_no_data_have(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DataConfig(**given)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("lr", "unknown key 'lr'; did you mean 'train.lr'?"),
        ("batch_size", "unknown key 'batch_size'; did you mean 'train.batch_size'?"),
        ("dir", "unknown key 'dir'; did you mean 'data.dir'?"),
        ("layers", "unknown key 'layers'; did you mean 'encoder.layers'?"),
        ("pair", "unknown key 'pair'; did you mean 'heads.sts.pair'?"),
        ("steps", "unknown key 'steps'; did you mean 'train.steps'?"),
        (
            "dropout",
            "unknown key 'dropout'; did you mean 'heads.sts.dropout' or 'train.dropout'?",
        ),
        (
            "seeds",
            "'seeds' is no key of a cell: it stands at the top of a matrix file "
            "(--seeds N on the command line)",
        ),
        ("title", "'title' is no key of a cell: it stands at the top of a matrix file"),
        (
            "axes",
            "'axes' is no key of a cell: it stands at the top of a matrix file "
            "(--axis KEY=V1,V2 on the command line)",
        ),
    ],
)
def test_a_key_that_leads_nowhere_comes_with_where_it_belongs(key: str, told: str) -> None:
    config = {
        "encoder": {"name": "minbert", "layers": 1},
        "heads": {"sts": {"name": "linear", "pair": "joined", "dropout": 0.1}, "pd": "linear"},
    }

    with pytest.raises(UsageError) as caught:
        overlay(config, {key: 1})

    assert str(caught.value).startswith(told)


def test_every_key_of_a_matrix_that_is_none_of_a_cell_is_known_as_one() -> None:
    assert list(OF_MATRIX) == list(Matrix.model_fields)


def test_a_key_leads_no_deeper_than_a_value_is() -> None:
    with pytest.raises(UsageError, match=r"^a value is nested more than 64 deep$"):
        overlay({}, {".".join(["train", "batch_size", *"a" * 5000]): 1})
