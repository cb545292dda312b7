import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.errors import PluginError, UsageError
from mtbench.matrix.configuration import Config, TrainConfig, overlay
from mtbench.study.resolution import Resolved, Resolver, as_written, default_data_folder

Install = Callable[..., Path]


def resolve(written: dict[str, Any], registry: Registry | None = None) -> Resolved:
    return Resolver(registry or Registry.load()).resolve(overlay({}, written))


def refusal(written: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(written)
    assert "\n" not in str(caught.value)
    return str(caught.value)


HEAD = {"name": "linear", "pooling": None, "pair": "separate", "dropout": 0.1}


# --- what is left open ------------------------------------------------------------------------


def test_defaults_are_filled_in() -> None:
    assert resolve({"tasks": ["sst", "sts"]}).config == {
        "tasks": {"sst": {"name": "sst"}, "sts": {"name": "sts"}},
        "encoder": {
            "name": "tiny",
            "mode": "finetune",
            "dropout": None,
            "max_tokens": None,
        },
        "heads": {"sst": HEAD, "sts": HEAD},
        "balancer": {"name": "cycle"},
        "combiner": {"name": "sum"},
        "train": TrainConfig(epochs=1).model_dump(),
        "data": {"dir": None, "fraction": 1.0, "train_sample": 500},
    }


def test_a_budget_in_steps_brings_no_epochs() -> None:
    train = resolve({"tasks": ["sst"], "train": {"steps": 5}}).config["train"]

    assert (train["steps"], train["epochs"]) == (5, None)


def test_heads_take_the_dropout_of_train_where_they_name_none() -> None:
    resolved = resolve(
        {
            "tasks": ["sst", "sts"],
            "heads": {"sst": {"name": "linear", "dropout": 0.0}},
            "train": {"dropout": 0.3},
        }
    )

    assert resolved.config["heads"]["sst"]["dropout"] == 0.0
    assert resolved.config["heads"]["sts"]["dropout"] == 0.3
    assert resolved.cell.heads["sts"].parameters["dropout"] == 0.3


def test_cells_of_one_resolver_do_not_share_a_dropout() -> None:
    resolver = Resolver(Registry.load())
    configs = [overlay({"tasks": ["sst"]}, {"train.dropout": rate}) for rate in (0.1, 0.3)]

    found = [resolver.resolve(config).config["heads"]["sst"]["dropout"] for config in configs]

    assert found == [0.1, 0.3]


def test_a_number_is_the_same_however_it_is_written() -> None:
    one = resolve({"tasks": ["sst"], "train": {"weight_decay": 0, "lr": 1}})
    two = resolve({"tasks": ["sst"], "train": {"weight_decay": 0.0, "lr": 1.0}})

    assert json.dumps(one.config) == json.dumps(two.config)


def test_the_cell_shows_what_was_resolved() -> None:
    resolved = resolve({"tasks": ["pd", "sts"], "heads": {"sts": "cosine"}, "combiner": "pcgrad"})

    cell = resolved.cell
    assert {name: info.sentences for name, info in cell.tasks.items()} == {"pd": 2, "sts": 2}
    assert {task: head.name for task, head in cell.heads.items()} == {
        "pd": "linear",
        "sts": "cosine",
    }
    assert (cell.encoder.name, cell.balancer.name, cell.combiner.name) == (
        "tiny",
        "cycle",
        "pcgrad",
    )
    assert dict(cell.train) == resolved.config["train"]
    assert {part: entry.spec.name for part, entry in resolved.entries.items()} == {
        "encoder": "tiny",
        "balancer": "cycle",
        "combiner": "pcgrad",
        "heads.pd": "linear",
        "heads.sts": "cosine",
    }


# --- tasks ------------------------------------------------------------------------------------


def test_a_task_may_have_parameters_and_another_name() -> None:
    resolved = resolve(
        {
            "tasks": [
                "sample-sst",
                {"name": "sample-sst", "as": "small", "train": 5},
                {"name": "sample-pd", "dev": 3},
            ],
            "heads": {"small": {"dropout": 0.5}},
        }
    )

    assert resolved.config["tasks"] == {
        "sample-sst": {"name": "sample-sst", "train": 640, "dev": 300, "test": 300},
        "small": {"name": "sample-sst", "train": 5, "dev": 300, "test": 300},
        "sample-pd": {"name": "sample-pd", "train": 1200, "dev": 3, "test": 300},
    }
    assert len(resolved.tasks["small"].task.load("train", None)) == 5
    assert resolved.config["heads"]["small"]["dropout"] == 0.5


def test_the_order_of_the_tasks_stays() -> None:
    assert list(resolve({"tasks": ["sts", "pd", "sst"]}).tasks) == ["sts", "pd", "sst"]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (None, 'tasks: expected a list of one or more, such as ["sst", "pd"]'),
        ([], 'tasks: expected a list of one or more, such as ["sst", "pd"]'),
        ("sst", 'tasks: expected a list of one or more, such as ["sst", "pd"]'),
        ([3], "tasks: expected a name or a table, got 3"),
        ([{"as": "x"}], "tasks: expected a name in {}"),
        (["sst", "sst"], "tasks: 'sst' is given twice; tell them apart with 'as'"),
        (["sst", {"name": "pd", "as": "sst"}], "tasks: 'sst' is given twice"),
        ([{"name": "sst", "as": "overall"}], "tasks: 'overall' cannot be a task's name"),
        ([{"name": "sst", "as": "seeds"}], "tasks: 'seeds' cannot be a task's name"),
        ([{"name": "sst", "as": "difference"}], "tasks: 'difference' cannot be a task's name"),
        (["stss"], "unknown task 'stss'; did you mean 'sts'? (known: cfimdb, pd, sample-pd, "),
        (
            [{"name": "sample-sst", "trian": 3}],
            "tasks (sample-sst): unknown key 'trian'; did you mean 'train'? "
            "(known: dev, test, train)",
        ),
        ([{"name": "sst", "size": 3}], "tasks (sst): unknown key 'size' (it takes no parameters)"),
        (
            [{"name": "sample-sst", "train": 0}],
            "tasks (sample-sst): train: input should be greater than or equal to 1 (given: 0)",
        ),
    ],
)
def test_tasks_that_cannot_be(tasks: object, message: str) -> None:
    assert refusal({} if tasks is None else {"tasks": tasks}).startswith(message)


# --- what does not fit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"heads": {"sts": "cosin"}},
            "unknown head 'cosin'; did you mean 'cosine'? (known: abs-diff, ",
        ),
        ({"combiner": "pc-grad"}, "unknown combiner 'pc-grad'; did you mean 'pcgrad'?"),
        ({"balancer": "roundrobin"}, "unknown balancer 'roundrobin'; did you mean 'round-robin'?"),
        ({"encoder": "bert"}, "unknown encoder 'bert'; did you mean 'minbert'?"),
        ({"encoder": {"name": 3}}, "encoder: expected a name in {'name': 3}"),
        (
            {"heads": {"sts": {"name": "linear", "dropuot": 0.1}}},
            "heads.sts (linear): unknown key 'dropuot'; did you mean 'dropout'? "
            "(known: dropout, pair, pooling)",
        ),
        (
            {"heads": {"sts": {"pair": "jointed"}}},
            "heads.sts (linear): pair: input should be 'separate' or 'joined' (given: 'jointed')",
        ),
        (
            {"heads": {"stss": "linear"}},
            "unknown task 'stss' in heads; did you mean 'sts'? (known: sst, sts)",
        ),
        ({"balancer": "single"}, "balancer (single): 'task' is missing"),
        (
            {"encoder": {"checkpoint": "bert-base-uncased"}},
            "encoder (tiny): checkpoint: the weights of tiny are given; other ones, and other "
            'shapes, are of the encoder "minbert"',
        ),
        (
            {"train": {"lrr": 1}},
            "train: unknown key 'lrr'; did you mean 'lr'? (known: batch_size, ",
        ),
        ({"train": {"lr": -1}}, "train: lr: input should be greater than 0 (given: -1)"),
        ({"data": {"fraction": 2}}, "data: fraction: input should be less than or equal to 1"),
        (
            {"train": {"batch_size": {"sst": 8}}},
            "train.batch_size: no size for the task 'sts'",
        ),
        (
            {"train": {"batch_size": {"sst": 8, "sts": 8, "stss": 8}}},
            "unknown task 'stss' in train.batch_size; did you mean 'sts'? (known: sst, sts)",
        ),
    ],
)
def test_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    assert refusal({"tasks": ["sst", "sts"], **changes}).startswith(message)


def test_what_belongs_to_tasks_of_other_cells_is_no_fault() -> None:
    """A matrix may have an axis over its tasks."""
    resolved = resolve(
        {
            "tasks": ["sst"],
            "heads": {"sst": "linear", "sts": "cosine"},
            "train": {"batch_size": {"sst": 8, "sts": 4}},
        }
    )

    assert list(resolved.config["heads"]) == ["sst"]


def test_a_broken_plugin_that_is_needed(install: Install) -> None:
    install("fake", "import no_such_module")

    with pytest.raises(
        PluginError, match=r"unknown head 'tall' .*No module named 'no_such_module'"
    ):
        resolve({"tasks": ["sst"], "heads": {"sst": "tall"}})


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        (
            {"heads": {"sst": "cosine"}},
            "heads.sst (cosine): a cosine needs two sentences, and sst has one",
        ),
        (
            {"heads": {"pd": "cosine"}},
            "heads.pd (cosine): it predicts a score, and pd has classes",
        ),
        (
            {"heads": {"sts": {"name": "relu-cosine", "pair": "joined"}}},
            'heads.sts (relu-cosine): a cosine needs an embedding a sentence: pair = "separate"',
        ),
        ({"heads": {"sts": "cosine"}}, None),
        (
            {"combiner": "pcgrad", "encoder": {"mode": "frozen"}},
            "combiner (pcgrad): a frozen encoder has no shared parameters to combine",
        ),
        ({"combiner": "sum", "encoder": {"mode": "frozen"}}, None),
        (
            {"balancer": {"name": "single", "task": "cfimdb"}},
            "balancer (single): the balancer trains the task 'cfimdb', which is not among "
            "sst, pd, sts",
        ),
        ({"balancer": {"name": "single", "task": "pd"}}, None),
    ],
)
def test_rejections_have_their_reason(changes: dict[str, Any], reason: str | None) -> None:
    assert resolve({"tasks": ["sst", "pd", "sts"], **changes}).rejection == reason


# --- there and back ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        {"tasks": ["sst"]},
        {
            "tasks": ["sts", {"name": "sample-sst", "as": "small", "train": 5}, "sample-sst"],
            "encoder": {"name": "minbert", "checkpoint": "bert-base-uncased", "mode": "frozen"},
            "heads": {"sts": {"name": "relu-cosine", "pooling": "mean"}, "small": {"dropout": 0}},
            "balancer": {"name": "single", "task": "sts"},
            "combiner": "sum",
            "train": {"steps": 3, "batch_size": {"sts": 4, "small": 2, "sample-sst": 2}},
            "data": {"dir": "here", "fraction": 0.5},
        },
    ],
)
def test_a_resolved_configuration_resolves_to_itself(written: dict[str, Any]) -> None:
    config = resolve(written).config
    stored: Config = json.loads(json.dumps(config))

    again = Resolver(Registry.load()).resolve(as_written(stored)).config

    assert again == config
    assert list(again["tasks"]) == list(config["tasks"])


def test_resolving_leaves_the_configuration_as_it_was() -> None:
    config = overlay({}, {"tasks": [{"name": "sample-sst", "as": "a"}], "heads": {"a": "linear"}})
    before = deepcopy(config)

    Resolver(Registry.load()).resolve(config)

    assert config == before


PLUGIN = """
from pydantic import Field

from mtbench.api import CombinerSpec, HeadSpec, Parameters, TaskInfo, TaskSpec, hookimpl


class Weights(Parameters):
    lambda_: float = Field(0.5, alias="lambda")


class Task:
    def __init__(self, parameters):
        pass

    def describe(self):
        return TaskInfo(
            sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2
        )


@hookimpl
def mtbench_combiners():
    spec = CombinerSpec(name="mean", summary="", target="x:X", needs="losses", parameters=Weights)
    return [spec]


@hookimpl
def mtbench_tasks():
    return [TaskSpec(name="sst", summary="", target=Task)]


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="linear", summary="", target="x:X")]
"""


def test_names_with_their_distribution_and_aliased_parameters(install: Install) -> None:
    install("fake", PLUGIN)
    registry = Registry.load()

    resolved = resolve(
        {
            "tasks": ["fake/sst", "pd"],
            "heads": {"sst": "fake/linear", "pd": "mtl-bench/linear"},
            "combiner": {"name": "mean", "lambda": 0.25},
        },
        registry,
    )

    assert resolved.config["tasks"] == {"sst": {"name": "fake/sst"}, "pd": {"name": "pd"}}
    assert resolved.config["heads"]["sst"]["name"] == "fake/linear"
    assert resolved.config["combiner"] == {"name": "mean", "lambda": 0.25}
    assert resolved.tasks["sst"].info.classes == 2
    assert resolved.tasks["sst"].entry.provider.distribution == "fake"
    assert resolved.entries["heads.pd"].provider.distribution == "mtl-bench"
    again = Resolver(registry).resolve(as_written(resolved.config))
    assert again.config == resolved.config


# --- where a checkpoint lies -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "resolved"),
    [("bert", "{here}/bert"), ("./tiny", "{here}/tiny"), ("tiny", "tiny"), ("./none", "./none")],
)
def test_a_checkpoint_is_a_path_where_it_is_a_folder_and_no_shipped_name(
    written: str, resolved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bert", "tiny"):
        (tmp_path / name).mkdir()
    encoder = {"name": "minbert", "checkpoint": written}

    config = resolve({"tasks": ["sst"], "encoder": encoder}).config

    assert config["encoder"]["checkpoint"] == resolved.format(here=tmp_path)
    assert Resolver(Registry.load()).resolve(as_written(config)).config == config


# --- where a task's file lies -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("r.csv", "{here}/r.csv"),
        ("./r-{split}.csv", "{here}/r-{split}.csv"),
        ("~/r.csv", "{here}/home/r.csv"),
        ("/data/r.csv", "/data/r.csv"),
    ],
)
def test_a_tasks_file_is_named_from_anywhere_whether_it_is_there_or_not(
    written: str, resolved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    task = {"name": "table", "path": written, "text": ["a"], "target": "y", "classes": 2}

    config = resolve({"tasks": [task]}).config

    assert config["tasks"]["table"]["path"] == resolved.replace("{here}", str(tmp_path))
    monkeypatch.chdir("/")
    assert Resolver(Registry.load()).resolve(as_written(config)).config == config


# --- the data folder --------------------------------------------------------------------------


def test_the_environment_names_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_data_folder() is None

    monkeypatch.setenv("MTBENCH_DATA", "somewhere")

    assert default_data_folder() == Path("somewhere")
    assert resolve({"tasks": ["sst"]}).config["data"]["dir"] == str(Path("somewhere").absolute())


def test_a_configuration_is_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MTBENCH_DATA", "somewhere")

    config = resolve({"tasks": ["sst"], "data": {"dir": "here"}}).config
    assert config["data"]["dir"] == str(Path("here").absolute())


def test_an_empty_variable_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MTBENCH_DATA", "")

    assert default_data_folder() is None
