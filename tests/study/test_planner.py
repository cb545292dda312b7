import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.components.sources import source_hash
from mtbench.data import load
from mtbench.errors import PluginError, UsageError
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell, cells, read_matrix
from mtbench.protocols import Examples, Split, Task
from mtbench.specs import Target
from mtbench.store import Failure, Store, run_key
from mtbench.study.plan import Plan
from mtbench.study.planner import Planner
from mtbench.study.requests import request
from mtbench_builtins.encoders.shipped import SHIPPED, TINY

Install = Callable[..., Path]

SST, PD, STS = (
    {"name": f"sample-{name}", "as": name, "train": 6, "dev": 4, "test": 4}
    for name in ("sst", "pd", "sts")
)
BASE = {"tasks": [SST, PD, STS], "train": {"epochs": 1}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".mtbench")


def plan_of(store: Store, *changes: Mapping[str, Any], plugins: tuple[Path, ...] = ()) -> Plan:
    """Return the plan of the base with these changes, one cell each, and one seed."""
    made = [NamedCell(f"cell {i}", overlay(BASE, each)) for i, each in enumerate(changes)]
    return Planner(Registry.load(plugins), store).plan("a plan", made, [0])


def keys(plan: Plan) -> list[str]:
    return [run.key for cell in plan.cells for run in cell.runs]


def key_of(store: Store, changes: Mapping[str, Any], *, plugins: tuple[Path, ...] = ()) -> str:
    (key,) = keys(plan_of(store, changes, plugins=plugins))
    return key


@pytest.fixture
def finish(store: Store, a_result: Callable[..., Any]) -> Callable[..., None]:
    """Give a function that stores a result of a run, or its failure."""

    def write(key: str, *, failed: bool = False) -> None:
        store.create(key).end(Failure(error="", traceback="") if failed else a_result())

    return write


# --- how a key is made ------------------------------------------------------------------------


def test_a_key_repeats_in_another_process(store: Store) -> None:
    script = f"""
from pathlib import Path
from mtbench.components.registry import Registry
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.store import Store
from mtbench.study.planner import Planner
planner = Planner(Registry.load(), Store(Path({str(store.root)!r})))
plan = planner.plan("", [NamedCell("other name", overlay({{}}, {BASE!r}))], [0])
print(plan.cells[0].runs[0].key)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == key_of(store, {})


# --- what changes a key -----------------------------------------------------------------------

FEWER = {**SST, "train": 5}

MOVES: dict[str, dict[str, Any]] = {
    "learning rate": {"train.lr": 2e-5},
    "its warm-up": {"train.warmup": 0.1},
    "its decay": {"train.decay": "linear"},
    "budget": {"train.epochs": 2},
    "kind of budget": {"train.steps": 1},
    "batch size": {"train.batch_size": 4},
    "dropout": {"train.dropout": 0.2},
    "clip": {"train.clip_norm": 1.0},
    "threads": {"train.threads": 2},
    "precision": {"train.precision": "bfloat16"},
    "evaluations": {"train.evaluations": 2},
    "a head": {"heads.sts": "relu-cosine"},
    "a head's parameter": {"heads.sts.pooling": "mean"},
    "a combiner": {"combiner": "pcgrad"},
    "a balancer": {"balancer": "round-robin"},
    "a balancer's parameter": {"balancer": {"name": "single", "task": "sst"}},
    "the encoder": {"encoder": "minbert"},
    "the encoder's shape": {"encoder": {"name": "minbert", "layers": 1}},
    "the encoder's mode": {"encoder.mode": "frozen"},
    "the encoder's name, with the same weights": {
        "encoder": {"name": "minbert", "checkpoint": "tiny"}
    },
    "share of the data": {"data.fraction": 0.5},
    "sample of train": {"data.train_sample": 5},
    "size of a task": {"tasks": [FEWER, PD, STS]},
    "order of the tasks": {"tasks": [PD, SST, STS]},
    "a task less": {"tasks": [SST, PD]},
    "name of a task": {"tasks": [SST, PD, {**STS, "as": "similarity"}]},
}


def test_what_decides_the_numbers_changes_the_key(store: Store) -> None:
    found = keys(plan_of(store, {}, *MOVES.values()))

    assert len(found) == 1 + len(MOVES)
    same = [found.index(key) for index, key in enumerate(found) if found.index(key) != index]
    assert [("base", *MOVES)[index] for index in same] == []


def test_the_seed_changes_the_key(store: Store) -> None:
    made = [NamedCell("a", overlay({}, BASE))]
    plan = Planner(Registry.load(), store).plan("", made, [0, 1, 7])

    assert [run.seed for run in plan.cells[0].runs] == [0, 1, 7]
    assert len(set(keys(plan))) == 3


def test_numerics_changes_the_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(store, {})

    monkeypatch.setattr("mtbench.study.identity.NUMERICS", 999)

    assert key_of(store, {}) != before


def test_the_type_of_a_device_changes_the_key_and_its_index_does_not(store: Store) -> None:
    made = [NamedCell("a", overlay({}, BASE))]
    plans = {
        device: Planner(Registry.load(), store, device).plan("", made, [0])
        for device in ("cpu", "cuda:0", "cuda:1")
    }

    on_cpu, on_first, on_second = (keys(plan) for plan in plans.values())
    assert on_cpu == keys(Planner(Registry.load(), store).plan("", made, [0]))
    assert on_cpu != on_first == on_second
    assert [plan.cells[0].identity.device for plan in plans.values()] == ["cpu", "cuda", "cuda"]
    assert [plan.device for plan in plans.values()] == list(plans)
    assert plans["cuda:1"].refreshed().device == "cuda:1"


# --- what leaves a key ------------------------------------------------------------------------

SAME: dict[str, dict[str, Any]] = {
    "defaults, written out": {
        "encoder": {"name": "tiny", "mode": "finetune"},
        "heads.sst": {"name": "linear", "pair": "separate"},
        "balancer": "cycle",
        "combiner": "sum",
    },
    "the head's dropout, written out": {"heads.sts.dropout": 0.1},
    "a number in other digits": {"train.lr": 0.00001, "train.weight_decay": 0},
    "the data folder, where no task reads one": {"data.dir": "somewhere"},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_how_it_is_written_leaves_the_key(store: Store, changes: dict[str, Any]) -> None:
    assert key_of(store, changes) == key_of(store, {})


def test_a_head_for_the_task_of_another_cell_leaves_the_key(store: Store) -> None:
    plan = plan_of(store, {"tasks": [SST], "heads.pd": {"name": "linear", "dropout": 0.5}}, {})

    assert keys(plan)[0] == key_of(store, {"tasks": [SST]})


@pytest.mark.parametrize(
    ("changes", "paper", "message"),
    [
        ({"heads.sample-sst": "linear"}, {}, "unknown task 'sample-sst' in heads"),
        ({}, {"stt": 0.4}, "unknown task 'stt' in paper of 'a'"),
    ],
    ids=["head", "paper"],
)
def test_what_no_cell_would_use_is_refused(
    store: Store, changes: dict[str, Any], paper: dict[str, float], message: str
) -> None:
    cell = NamedCell("a", overlay(BASE, changes), paper=paper)

    with pytest.raises(UsageError, match=message):
        Planner(Registry.load(), store).plan("", [cell], [0])


MATRIX = """
seeds = 1
[base]
tasks = [{ name = "sample-sst", train = 6, dev = 4, test = 4 }, "sample-sts"]
encoder = { name = "minbert", layers = 1, width = 16 }
train = { lr = 1e-3, epochs = 1 }
[axes]
"train.lr" = [1e-3, 1e-4]
"""
REORDERED = """
[axes]
combiner = ["sum", "pcgrad"]
"train.lr" = [1e-4, 1e-3]
[base]
train = { epochs = 1, lr = 1e-3 }
encoder = { width = 16, layers = 1, name = "minbert" }
heads = { sample-sts = "linear" }
tasks = [{ test = 4, dev = 4, train = 6, name = "sample-sst" }, { name = "sample-sts" }]
"""


def test_reordering_a_file_and_adding_an_axis_leaves_the_keys(
    store: Store, tmp_path: Path
) -> None:
    found = []
    for text in (MATRIX, REORDERED):
        file = tmp_path / "study.toml"
        file.write_text(text)
        made = cells(read_matrix(file))
        found.append(set(keys(Planner(Registry.load(), store).plan("", made, [0]))))

    before, after = found
    assert len(before) == 2
    assert len(after) == 4
    assert before < after


def test_two_cells_that_are_the_same_share_their_run(store: Store) -> None:
    plan = plan_of(store, {}, {"combiner": "sum"}, {"combiner": "pcgrad"})

    assert plan.cells[0].runs == plan.cells[1].runs
    assert plan.counts()["runs"] == 2
    assert [cell.name for cell, _ in plan.to_do()] == ["cell 0", "cell 2"]


# --- data and checkpoints: what is in them, not where they lie --------------------------------

ROWS = ["0\ta\tA good film .\t3", "1\tb\tA bad film .\t1", "2\tc\tA film .\t2"]


@pytest.fixture
def sst_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for split in ("train", "dev"):
        write_sst(folder, split, ROWS)
    return folder


def write_sst(folder: Path, split: str, rows: list[str]) -> None:
    lines = ["\tid\tsentence\tsentiment", *rows]
    (folder / f"ids-sst-{split}.csv").write_text("\n".join(lines) + "\n")


def sst_key(store: Store, folder: Path) -> str:
    return key_of(store, {"tasks": ["sst"], "data.dir": str(folder)})


def test_where_the_data_lie_leaves_the_key(
    store: Store, sst_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sst_key(store, sst_folder)
    shutil.copytree(sst_folder, tmp_path / "copy")

    assert sst_key(store, tmp_path / "copy") == before
    monkeypatch.setenv("MTBENCH_DATA", str(sst_folder))
    assert key_of(store, {"tasks": ["sst"]}) == before


def test_the_order_of_the_rows_and_the_test_split_leave_the_key(
    store: Store, sst_folder: Path
) -> None:
    before = sst_key(store, sst_folder)

    write_sst(sst_folder, "train", ROWS[::-1])
    write_sst(sst_folder, "test-student", ROWS)

    assert sst_key(store, sst_folder) == before


@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize(
    "rows",
    [ROWS[:2], [*ROWS[:2], "2\tc\tA film .\t4"], [*ROWS[:2], "2\tc\tA film !\t2"]],
    ids=["a row", "a label", "a text"],
)
def test_what_the_data_hold_changes_the_key(
    store: Store, sst_folder: Path, split: str, rows: list[str]
) -> None:
    before = sst_key(store, sst_folder)

    write_sst(sst_folder, split, rows)

    assert sst_key(store, sst_folder) != before


def test_data_that_are_not_there(store: Store, sst_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"^cell 'cell 0': no data folder is named"):
        plan_of(store, {"tasks": ["sst"]})
    with pytest.raises(UsageError, match=r"^cell 'cell 1': .*quora-train\.csv"):
        plan_of(store, {}, {"tasks": ["sst", "pd"], "data.dir": str(sst_folder)})


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return shutil.copytree(SHIPPED[TINY], tmp_path / "bert")


def checkpoint_key(store: Store, folder: Path) -> str:
    return key_of(store, {"encoder": {"name": "minbert", "checkpoint": str(folder)}})


def test_where_a_checkpoint_lies_leaves_the_key(
    store: Store, checkpoint: Path, tmp_path: Path
) -> None:
    before = checkpoint_key(store, checkpoint)
    shutil.copytree(checkpoint, tmp_path / "elsewhere" / "other")

    assert checkpoint_key(store, tmp_path / "elsewhere" / "other") == before
    assert key_of(store, {}) != before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
def test_what_a_checkpoint_holds_changes_the_key(
    store: Store, checkpoint: Path, name: str
) -> None:
    before = checkpoint_key(store, checkpoint)

    content = (checkpoint / name).read_bytes()
    changed = {
        "config.json": content + b"\n",
        "model.safetensors": content[:-1] + bytes([content[-1] ^ 1]),
        "vocab.txt": content.removesuffix(b"\n"),
    }
    (checkpoint / name).write_bytes(changed[name])

    assert checkpoint_key(store, checkpoint) != before


def test_a_checkpoint_that_is_not_whole(store: Store, checkpoint: Path) -> None:
    (checkpoint / "vocab.txt").unlink()

    with pytest.raises(UsageError, match=r"^cell 'cell 0': checkpoint .* no vocabulary"):
        checkpoint_key(store, checkpoint)


# --- sources ----------------------------------------------------------------------------------

PLUGIN = """
from mtbench.api import HeadSpec, hookimpl


class Head:
    pass


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="{name}", summary="", target="{module}:Head", output="task")]
"""


@pytest.fixture
def plugins(tmp_path: Path, new_modules: None) -> tuple[Path, Path]:
    files = (tmp_path / "plan_plugin_one.py", tmp_path / "plan_plugin_two.py")
    for file, name in zip(files, ("one", "two"), strict=True):
        file.write_text(PLUGIN.format(name=name, module=file.stem))
    return files


def test_editing_a_plugin_re_runs_the_cells_that_use_it(
    store: Store, plugins: tuple[Path, Path]
) -> None:
    changes = [{"heads.sts": "one"}, {"heads.sts": "two"}, {}, {"heads.pd": "one"}]
    before = keys(plan_of(store, *changes, plugins=plugins))

    plugins[0].write_text(plugins[0].read_text() + "# edited\n")

    after = keys(plan_of(store, *changes, plugins=plugins))
    assert [old == new for old, new in zip(before, after, strict=True)] == [
        False,
        True,
        True,
        False,
    ]


def test_where_a_plugin_file_lies_leaves_the_key(
    store: Store, plugins: tuple[Path, Path], tmp_path: Path
) -> None:
    before = key_of(store, {"heads.sts": "one"}, plugins=plugins[:1])
    moved = tmp_path / "elsewhere" / plugins[0].name
    moved.parent.mkdir()
    plugins[0].rename(moved)
    del sys.modules[moved.stem]

    assert key_of(store, {"heads.sts": "one"}, plugins=(moved,)) == before


CATALOGUE = """
from mtbench.api import CombinerSpec, EncoderSpec, HeadSpec, hookimpl


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="tall", summary="", target="fake_code:Head", output="task")]


@hookimpl
def mtbench_combiners():
    return [CombinerSpec(name="mean", summary="", target="fake_code:Mean", needs="losses")]


@hookimpl
def mtbench_encoders():
    spec = EncoderSpec(
        name="words", summary="", target="fake_code:Words", tokenizer="fake_tokens:Split"
    )
    return [spec]
"""
USED = {"heads.sts": "tall", "combiner": "mean", "encoder": "words"}


@pytest.fixture
def catalogue(install: Install) -> Path:
    """Install a distribution whose catalogue lies beside what it names."""
    file = install("fake", CATALOGUE)
    for name in ("fake_code", "fake_tokens"):
        (file.parent / f"{name}.py").write_text("")
    return file


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('output="task"', 'output="unit"'),
        ('needs="losses"', 'needs="gramian"'),
        ("fake_code:Head", "fake_code:OtherHead"),
        ("fake_tokens:Split", "fake_tokens:OtherSplit"),
    ],
)
def test_what_a_catalogue_says_of_a_component_changes_the_key(
    store: Store, catalogue: Path, old: str, new: str
) -> None:
    before = key_of(store, USED)
    del sys.modules["fake"]

    catalogue.write_text(CATALOGUE.replace(old, new))

    assert key_of(store, USED) != before


def test_the_rest_of_a_catalogue_leaves_the_key(store: Store, catalogue: Path) -> None:
    before = key_of(store, USED)
    del sys.modules["fake"]

    catalogue.write_text(CATALOGUE.replace('summary=""', 'summary="better"'))

    assert key_of(store, USED) == before


@pytest.mark.parametrize("module", ["fake_code", "fake_tokens"])
def test_editing_what_a_component_is_made_of_changes_the_key(
    store: Store, catalogue: Path, module: str
) -> None:
    before = key_of(store, USED)

    (catalogue.parent / f"{module}.py").write_text("CHANGED = True\n")

    assert key_of(store, USED) != before


@pytest.mark.parametrize("module", ["fake_code", "fake_tokens"])
@pytest.mark.parametrize("there", [True, False], ids=["unsound", "not there"])
def test_a_plugin_whose_code_cannot_be_read(
    store: Store, catalogue: Path, module: str, there: bool
) -> None:
    file = catalogue.parent / f"{module}.py"
    if there:
        file.write_text("=")
    else:
        file.unlink()

    with pytest.raises(PluginError) as caught:
        plan_of(store, {"encoder": "words"})

    reason = "SyntaxError: invalid syntax" if there else "ModuleNotFoundError: No module named"
    assert str(caught.value).startswith(f"encoder 'words' of fake: {reason}")


def test_providers(store: Store, catalogue: Path) -> None:
    ((cell, run),) = plan_of(store, USED).runs()
    providers = request(cell, run, []).providers
    harness = providers["balancer"]

    assert harness.startswith("mtl-bench ")
    assert providers == {
        "tasks.sst": harness,
        "tasks.pd": harness,
        "tasks.sts": harness,
        "encoder": "fake 1.0",
        "balancer": harness,
        "combiner": "fake 1.0",
        "heads.sst": harness,
        "heads.pd": harness,
        "heads.sts": "fake 1.0",
    }


# --- the plan ---------------------------------------------------------------------------------


def test_a_rejected_cell_has_its_reason_and_no_run(store: Store) -> None:
    plan = plan_of(store, {"heads.sst": "cosine"}, {})

    rejected, good = plan.cells
    assert rejected.rejection == (
        "heads.sst (cosine): a cosine needs two sentences, and sst has one"
    )
    assert (rejected.runs, rejected.identified) == ([], None)
    assert good.rejection is None
    assert plan.counts() == {
        "cells": 2,
        "rejected": 1,
        "broken": 0,
        "runs": 1,
        "stored": 0,
        "failed": 0,
        "running": 0,
        "damaged": 0,
        "missing": 1,
        "to_do": 1,
    }


FRAGILE = """
from pydantic import model_validator

from mtbench.api import CombinerSpec, HeadSpec, Parameters, TaskSpec, hookimpl
from mtbench.api import EncoderSpec, Examples, TaskInfo


class Combiner:
    pass


def fails(*_):
    return {}["what it needs"]


def leaves(*_):
    raise SystemExit(3)


class Fragile(Parameters):
    @model_validator(mode="after")
    def _check(self):
        1 / 0


class Undescribed:
    def __init__(self, parameters):
        pass

    def describe(self):
        return fails()


class Nameless(Undescribed):
    def describe(self):
        return "sst"


class Unmade(Undescribed):
    def __init__(self, parameters):
        fails()


class Unloaded(Undescribed):
    def describe(self):
        kind = {"loss": "squared-error", "score_range": (0.0, 1.0)}
        return TaskInfo(sentences=1, metrics=("pearson",), **kind)

    def load(self, split, folder, *, with_labels=True):
        return fails()


class Odd(Unloaded):
    def load(self, split, folder, *, with_labels=True):
        return Examples(("a",), (("a text",),), (7.0,))


@hookimpl
def mtbench_combiners():
    def spec(name, **fields):
        return CombinerSpec(
            name=name, summary="", target="fragile:Combiner", needs="losses", **fields
        )

    return [
        spec("rejects", rejects=fails),
        spec("leaves", rejects=leaves),
        spec("three", rejects=lambda cell: 3),
        spec("mute", rejects=lambda cell: Mute()),
        spec("mistaken", rejects=mistaken),
        spec("parameters", parameters=Fragile),
        spec("no-model", parameters="fragile:Nothing"),
        CombinerSpec(name="gone", summary="", target="not_there:X", needs="losses"),
    ]


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="head-rejects", summary="", target="fragile:Combiner", rejects=fails)]


@hookimpl
def mtbench_encoders():
    names = {"target": "fragile:Combiner", "tokenizer": "fragile:Combiner", "summary": ""}
    return [
        EncoderSpec(name="fingerprint", fingerprint="fragile:fails", **names),
        EncoderSpec(name="no-digest", fingerprint=lambda parameters: 7, **names),
        EncoderSpec(name="mute", fingerprint=lambda parameters: Mute(), **names),
        EncoderSpec(name="caveat", caveat=fails, **names),
        EncoderSpec(name="caveat-of-7", caveat=lambda cell: 7, **names),
    ]


@hookimpl
def mtbench_tasks():
    kinds = (Undescribed, Nameless, Unmade, Unloaded, Odd, Misspelt)
    return [TaskSpec(name=kind.__name__.lower(), summary="", target=kind) for kind in kinds]


def mistaken(cell):
    from mtbench.api import UsageError

    raise UsageError("no such folder")


class Misspelt(Undescribed):
    def describe(self):
        return TaskInfo(sentences=1, loss="cross_entropy", metrics=("accuracy",), classes=2)


class Mute:
    def __repr__(self):
        raise ValueError("no words")
"""
NEEDED = "KeyError: 'what it needs' (fragile.py:13)"

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "rejects": (
        {"combiner": "rejects"},
        f"combiner 'rejects' of fragile.py: rejects raised {NEEDED}",
    ),
    "a mistake that is not the user's": (
        {"combiner": "mistaken"},
        "combiner 'mistaken' of fragile.py: rejects raised UsageError: no such folder "
        "(fragile.py:103)",
    ),
    "rejects of a head": (
        {"heads.pd": "head-rejects"},
        f"head 'head-rejects' of fragile.py: rejects raised {NEEDED}",
    ),
    "an exit": (
        {"combiner": "leaves"},
        "combiner 'leaves' of fragile.py: rejects raised SystemExit: 3 (fragile.py:17)",
    ),
    "a reason that is none": (
        {"combiner": "three"},
        "combiner 'three' of fragile.py: rejects returned 3, neither a text nor None",
    ),
    "a reason that cannot be shown": (
        {"combiner": "mute"},
        "combiner 'mute' of fragile.py: rejects raised ValueError: no words (fragile.py:113)",
    ),
    "a fingerprint that cannot be shown": (
        {"encoder": "mute"},
        "encoder 'mute' of fragile.py: fingerprint raised ValueError: no words (fragile.py:113)",
    ),
    "a model that raises": (
        {"combiner": "parameters"},
        "combiner 'parameters' of fragile.py: its parameters raised "
        "ZeroDivisionError: division by zero (fragile.py:23)",
    ),
    "a model that is not there": (
        {"combiner": "no-model"},
        "combiner 'no-model' of fragile.py: AttributeError: module 'fragile' has no attribute "
        "'Nothing'",
    ),
    "a target that is not there": (
        {"combiner": "gone"},
        "combiner 'gone' of fragile.py: ModuleNotFoundError: No module named 'not_there'",
    ),
    "a fingerprint": (
        {"encoder": "fingerprint"},
        f"encoder 'fingerprint' of fragile.py: fingerprint raised {NEEDED}",
    ),
    "a fingerprint that is none": (
        {"encoder": "no-digest"},
        "encoder 'no-digest' of fragile.py: fingerprint returned 7, not a text",
    ),
    "a caveat": ({"encoder": "caveat"}, f"encoder 'caveat' of fragile.py: caveat raised {NEEDED}"),
    "a caveat that is none": (
        {"encoder": "caveat-of-7"},
        "encoder 'caveat-of-7' of fragile.py: caveat returned 7, neither a text nor None",
    ),
    "describe": (
        {"tasks": ["undescribed"]},
        f"task 'undescribed' of fragile.py: describe raised {NEEDED}",
    ),
    "a description that is none": (
        {"tasks": ["nameless"]},
        "task 'nameless' of fragile.py: describe returned 'sst', not a TaskInfo",
    ),
    "a description with a loss that is none": (
        {"tasks": ["misspelt"]},
        "task 'misspelt' of fragile.py: describe raised ValueError: unknown loss "
        "'cross_entropy'; did you mean 'cross-entropy'? (known: binary-cross-entropy, "
        "cross-entropy, squared-error) (fragile.py:108)",
    ),
    "a task's constructor": (
        {"tasks": ["unmade"]},
        f"task 'unmade' of fragile.py: its constructor raised {NEEDED}",
    ),
    "load": ({"tasks": ["unloaded"]}, f"task 'unloaded' of fragile.py: load raised {NEEDED}"),
    "examples that contradict the description": (
        {"tasks": ["odd"]},
        "task 'odd' of fragile.py: odd: its train split has a label outside the classes or the "
        "range of the task",
    ),
}


@pytest.fixture
def fragile(tmp_path: Path, new_modules: None) -> Path:
    file = tmp_path / "fragile.py"
    file.write_text(FRAGILE)
    return file


@pytest.mark.parametrize(("change", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_plugin_breaks_its_own_cell_and_no_other(
    store: Store, fragile: Path, change: dict[str, Any], fault: str
) -> None:
    plan = plan_of(store, {}, change, plugins=(fragile,))

    good, broken = plan.cells
    assert (good.fault, good.obstacle, len(good.runs)) == (None, None, 1)
    assert (broken.fault, broken.obstacle) == (fault, ("broken", fault))
    assert (broken.runs, broken.rejection, broken.identified) == ([], None, None)
    assert [cell.name for cell, _ in plan.to_do()] == ["cell 0"]
    counts = plan.counts()
    assert (counts["cells"], counts["broken"], counts["rejected"], counts["runs"]) == (2, 1, 0, 1)
    assert keys(plan) == keys(plan_of(store, {}))
    with pytest.raises(PluginError) as caught:
        plan.check_sound()
    assert str(caught.value) == f"1 of 2 cells is broken: {fault}"


def test_where_every_cell_is_broken_the_first_fault_is_the_error(
    store: Store, fragile: Path
) -> None:
    with pytest.raises(PluginError, match=r"^combiner 'three' of fragile\.py: rejects returned 3"):
        plan_of(store, {"combiner": "three"}, {"combiner": "rejects"}, plugins=(fragile,))


def test_a_broken_cell_and_its_runs_are_told_together(
    store: Store, fragile: Path, finish: Callable[..., None]
) -> None:
    changes: list[dict[str, Any]] = [{}, {"combiner": "three"}, {"combiner": "three"}]
    plan = plan_of(store, *changes, plugins=(fragile,))
    told = "^2 of 3 cells are broken: combiner 'three' of fragile.py: rejects returned 3[^;]*"

    with pytest.raises(PluginError, match=told + r"; 1 of 1 runs have no score \(0 failed\)"):
        plan.check_complete()
    finish(keys(plan)[0])
    with pytest.raises(PluginError, match=told + "$"):
        plan.refreshed().check_complete()


def test_a_head_of_a_broken_cells_task_is_no_stranger(store: Store, fragile: Path) -> None:
    """The task is known by what was written: nobody could ask it."""
    heads = {"heads.odd": "linear"}

    plan = plan_of(store, heads, {**heads, "tasks": ["odd", SST]}, plugins=(fragile,))

    assert [cell.fault is None for cell in plan.cells] == [True, False]
    with pytest.raises(UsageError, match="unknown task 'odd'"):
        plan_of(store, heads, {"combiner": "three"}, plugins=(fragile,))


def test_a_plugin_that_prints_writes_nothing_to_the_table(
    store: Store, fragile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fragile.write_text(FRAGILE.replace("return {}[", "print('hello')\n    return {}["))

    plan_of(store, {}, {"combiner": "rejects"}, plugins=(fragile,))

    assert capsys.readouterr() == ("", "hello\n")


def test_the_traceback_of_a_fault_can_be_had(
    store: Store,
    fragile: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MTBENCH_TRACEBACK", "1")

    plan_of(store, {}, *[{"combiner": "rejects"}] * 2, plugins=(fragile,))

    err = capsys.readouterr().err
    assert err.count('fragile.py", line 13, in fails') == 1


def test_a_rejected_cell_needs_no_data(store: Store) -> None:
    plan = plan_of(store, {"tasks": ["sst"], "heads.sst": "cosine"})

    assert plan.cells[0].rejection is not None


def test_a_cell_that_names_something_unknown(store: Store) -> None:
    with pytest.raises(UsageError, match=r"^cell 'cell 1': unknown combiner 'pcgrd'; did you"):
        plan_of(store, {}, {"combiner": "pcgrd"})


def test_what_a_plan_keeps_of_a_cell(store: Store) -> None:
    made = [NamedCell("a", overlay({}, BASE), "a note", {"sst": 0.5})]

    plan = Planner(Registry.load(), store).plan("title", made, [3])

    (cell,) = plan.cells
    assert (plan.title, plan.seeds) == ("title", [3])
    assert (cell.name, cell.named) == ("a", made[0])
    assert list(cell.tasks) == ["sst", "pd", "sts"]
    assert cell.config["heads"]["sts"]["name"] == "linear"
    assert cell.runs[0].key == run_key(cell.identity.text, 3)


def test_keys_are_of_whatever_parameters_hold(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n" + "".join(f"text {n},{'no' if n % 2 else 'yes'}\n" for n in range(40)))
    classes = ["no", "yes", "\0", "null", '"train":null']
    task = {"name": "table", "path": str(file), "text": "a", "target": "b", "classes": classes}

    plan = plan_of(store, {"tasks": [task]}, {"tasks": [task], "train.lr": 1.0})

    assert keys(plan) == [run_key(cell.identity.text, 0) for cell in plan.cells]
    assert len({*keys(plan)}) == 2


def test_states_come_from_the_store(store: Store, finish: Callable[..., None]) -> None:
    changes: list[dict[str, Any]] = [{}, {"train.lr": 1.0}, {"train.lr": 2.0}, {"train.lr": 3.0}]
    done, failed, running, missing = keys(plan_of(store, *changes))
    finish(done)
    finish(failed, failed=True)

    with store.create(running).owned():
        plan = plan_of(store, *changes)

    assert [run.state for _, run in plan.runs()] == ["done", "failed", "running", "missing"]
    assert [run.key for _, run in plan.runs("done", "failed")] == [done, failed]
    assert {run.key for _, run in plan.to_do()} == {failed, running, missing}
    counts = plan.counts()
    assert (counts["runs"], counts["stored"], counts["failed"], counts["running"]) == (4, 1, 1, 1)
    assert (counts["missing"], counts["to_do"]) == (1, len(plan.to_do()))


def test_planning_writes_nothing(store: Store) -> None:
    plan_of(store, {}, {"combiner": "pcgrad"})

    assert not store.root.exists()


# --- large plans ------------------------------------------------------------------------------


def test_a_large_grid_is_planned_without_torch(tmp_path: Path) -> None:
    axes = ['"train.lr"', '"train.weight_decay"', '"train.dropout"', '"heads.sample-sts.dropout"']
    values = ", ".join(str(i / 100) for i in range(1, 11))
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(
        '[base]\ntasks = ["sample-sst", "sample-pd", "sample-sts"]\n[axes]\n'
        + "".join(f"{axis} = [{values}]\n" for axis in axes)
    )
    script = f"""
import sys
from pathlib import Path
from mtbench.study.setup import Setup
from mtbench.study.study import Session
plan = Session(Setup({str(matrix)!r}, store={str(tmp_path)!r}, device="cpu")).plan()
print(len(plan.cells), plan.counts()["runs"])
print(sorted({{"torch", "transformers"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["10000 30000", "[]"]


def test_what_cells_share_is_read_once(
    store: Store, sst_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    hashed: list[object] = []

    def counted_load(task: Task, split: Split, *args: Any, **options: Any) -> Examples:
        loads.append(split)
        return load(task, split, *args, **options)

    def counted_hash(target: Target) -> str:
        hashed.append(target)
        return source_hash(target)

    monkeypatch.setattr("mtbench.data.load", counted_load)
    monkeypatch.setattr("mtbench.study.identity.source_hash", counted_hash)

    shared = {"tasks": ["sst"], "data.dir": str(sst_folder)}
    plan_of(store, *({**shared, "train.lr": float(i)} for i in range(1, 20)))

    assert loads == ["train", "dev"]
    assert len(hashed) == len(set(hashed)) > 0
