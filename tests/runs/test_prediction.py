import csv
import math
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtbench.data import load
from mtbench.data.tokenisation import TextCounts
from mtbench.errors import RunsMissing, UsageError
from mtbench.protocols import TaskInfo
from mtbench.runs.prediction import evaluate, restore, submission_text, write_predictions
from mtbench.runs.runner import execute
from mtbench.store import (
    CHECKPOINT,
    PREDICTIONS,
    REQUEST,
    Damaged,
    Failure,
    RunFolder,
    Store,
    test_uses,
)
from mtbench.store.test_uses import TEST_USES
from mtbench.system.files import write_json
from mtbench.training.evaluation import predict
from mtbench_builtins.tasks.quora import Quora
from mtbench_builtins.tasks.sst import SST
from mtbench_builtins.tasks.sts import STS

CLASSES = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5)
SCORES = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0))

TASKS = ("sst", "pd", "sts")

LAST = "heads.sts_head.projection.weight"
"""A tensor of a checkpoint."""

COPIES = {"dev": 5, "test-student": 4}
LABELS = {"sentiment": (0, 1, 2, 3, 4), "is_duplicate": (0.0, 1.0), "similarity": (0.5, 2.8, 5.0)}


def write_rows(file: Path, columns: str, count: int, label: str) -> None:
    """Write a file of the CS224N layout; one of test has no label."""
    test = "test" in file.name
    sst = label == "sentiment"
    headings = ["0" if test and sst else "", *([""] if test and sst else []), "id"]
    headings += columns.split() + ([] if test else [label])
    lines = ["\t".join(headings)]
    for i in range(count):
        texts = [f" the {word} {'good' if i % 2 else 'bad'} film {i}" for word in columns.split()]
        index = [str(i), "0.0"] if test and sst else [str(i)]
        labels = [] if test else [str(LABELS[label][i % len(LABELS[label])])]
        lines.append("\t".join([*index, f"{file.stem}-{count - i:03d}", *texts, *labels]))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_folder(folder: Path) -> Path:
    """Make a data folder in the CS224N layout with a few rows a file."""
    folder.mkdir()
    for split, count in {"train": 12, **COPIES}.items():
        write_rows(folder / f"ids-sst-{split}.csv", "sentence", count, "sentiment")
        write_rows(folder / f"sts-{split}.csv", "sentence1 sentence2", count, "similarity")
        write_rows(folder / f"quora-{split}.csv", "sentence1 sentence2", count, "is_duplicate")
    return folder


def rows(file: Path, column: str) -> dict[str, str]:
    """Return the values of a submission file by id; every byte of it is as CS224N writes it."""
    heading, *lines = file.read_bytes().decode("utf-8").split("\n")
    assert heading == f"id \t {column} "
    assert lines.pop() == ""
    found = [re.fullmatch(r"(\S+) , (\S+) ", line) for line in lines]
    assert all(found)
    values = {match[1]: match[2] for match in found if match}
    assert len(values) == len(lines)
    return values


def written(folder: RunFolder, split: Any, out: Path, data: Path | None = None) -> list[Path]:
    """Write the predictions, of rows that are all whole, and return the files."""
    files = list(write_predictions(folder, split, out, data))
    assert [each.left_out for each in files] == [()] * len(files)
    return [each.file for each in files]


def copied(folder: RunFolder, tmp_path: Path) -> RunFolder:
    """Return a copy of a run that a test may change."""
    return RunFolder(Path(shutil.copytree(folder.path, tmp_path / folder.key)))


@pytest.fixture(scope="module")
def file_run(
    tmp_path_factory: pytest.TempPathFactory, trained: Callable[..., RunFolder]
) -> tuple[RunFolder, Path]:
    """A run that was trained on files of the CS224N layout, and their folder."""
    data = make_folder(tmp_path_factory.mktemp("files") / "cs224n")
    return trained({"tasks": list(TASKS), "data.dir": str(data)}), data


# --- the files --------------------------------------------------------------------------------


def test_a_submission_is_written_byte_by_byte() -> None:
    text = submission_text("Predicted_Sentiment", CLASSES, {"f0953e": 3.0, "d1d2e2": 0.0})

    assert text == "id \t Predicted_Sentiment \nf0953e , 3 \nd1d2e2 , 0 \n"


def test_a_class_is_written_as_the_data_write_it() -> None:
    named = replace(CLASSES, class_names=("1", "2.5", "so, so", 'the "best"', "two\nlines"))
    text = submission_text("stars", named, {f"a{place}": float(place) for place in range(5)})

    assert text == (
        'id \t stars \na0 , 1 \na1 , 2.5 \na2 , "so, so" \na3 , "the ""best""" \n'
        'a4 , "two\nlines" \n'
    )
    back = {
        name for _, name in csv.reader(text.splitlines(keepends=True)[1:], skipinitialspace=True)
    }
    assert {name.rstrip(" ") for name in back} == {*named.class_names}


def test_a_table_gets_its_labels_back(
    request_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    """Stars from 1 to 3, booleans, and numbers of classes that have no names."""
    lines = [(f"t{i}", f"film {i}", i % 3 + 1, i % 2 == 1, i % 2) for i in range(12)]
    for split in ("train", "dev"):
        with (tmp_path / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "text", "stars", "liked", "number"), *lines])
    shared = {"name": "table", "path": str(tmp_path / "{split}.csv"), "id": "id", "text": "text"}
    classes = {"stars": [1, 2, 3], "liked": [False, True], "number": 2}
    tasks = [
        {**shared, "as": target, "target": target, "classes": names}
        for target, names in classes.items()
    ]
    folder = request_run({"tasks": tasks})
    execute(folder)
    stored = np.load(folder.path / PREDICTIONS)

    files = written(folder, "dev", tmp_path / "out")

    names = {"stars": ["1", "2", "3"], "liked": ["false", "true"], "number": ["0", "1"]}
    for (task, known), file in zip(names.items(), files, strict=True):
        predicted = stored[f"{task}.predictions"].astype(int)
        assert list(rows(file, "Prediction").values()) == [known[place] for place in predicted]


def test_a_score_is_written_in_full() -> None:
    text = submission_text("Predicted_Similiary", SCORES, {"a": 0.1 + 0.2, "b": 5.0, "c": -1e-7})

    assert text == "id \t Predicted_Similiary \na , 0.30000000000000004 \nb , 5.0 \nc , -1e-07 \n"


@pytest.mark.parametrize("split", ["dev", "test"])
def test_files_are_what_the_leaderboard_takes(
    file_run: tuple[RunFolder, Path], split: Any, tmp_path: Path
) -> None:
    folder, data = file_run

    files = written(folder, split, tmp_path / "deep" / "out")

    assert files == [
        tmp_path / "deep" / "out" / f"{stem}-{split}-output.csv" for stem in ("sst", "para", "sts")
    ]
    assert sorted(files) == sorted((tmp_path / "deep" / "out").iterdir())
    columns = ("Predicted_Sentiment", "Predicted_Is_Paraphrase", "Predicted_Similiary")
    sst, para, sts = (rows(file, column) for file, column in zip(files, columns, strict=True))
    for task, values in zip((SST(), Quora(), STS()), (sst, para, sts), strict=True):
        expected = load(task, split, data, with_labels=False).ids
        assert tuple(values) == expected
        assert len(expected) == {"dev": 5, "test": 4}[split]
    assert set(sst.values()) <= {"0", "1", "2", "3", "4"}
    assert set(para.values()) <= {"0", "1"}
    assert all(repr(float(value)) == value for value in sts.values())
    assert len(set(sts.values())) > 1


def test_dev_files_hold_the_predictions_that_were_stored(
    trained: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder = trained()
    stored = np.load(folder.path / PREDICTIONS)

    files = written(folder, "dev", tmp_path)

    for task, file in zip(TASKS, files, strict=True):
        values = rows(file, "Prediction")
        assert list(values) == stored[f"{task}.ids"].tolist()
        assert [float(v) for v in values.values()] == stored[f"{task}.predictions"].tolist()


def test_two_tasks_of_one_file_name_get_two_files(
    trained: Callable[..., RunFolder], file_run: tuple[RunFolder, Path], tmp_path: Path
) -> None:
    _, data = file_run
    tasks = [{"name": "sst", "as": "first"}, {"name": "sst", "as": "again"}]
    twice = trained({"tasks": tasks, "data.dir": str(data)})

    files = written(twice, "dev", tmp_path)

    assert [file.name for file in files] == ["first-dev-output.csv", "again-dev-output.csv"]
    assert all(len(rows(file, "Predicted_Sentiment")) == 5 for file in files)


def test_a_row_that_cannot_be_read_is_told(
    file_run: tuple[RunFolder, Path], tmp_path: Path
) -> None:
    folder, data = file_run
    broken = Path(shutil.copytree(data, tmp_path / "broken"))
    with (broken / "sts-test-student.csv").open("a", encoding="utf-8") as file:
        file.write("9\tan-id\tone sentence\t\n")

    *others, sts = write_predictions(folder, "test", tmp_path / "out", broken)

    assert [each.left_out for each in others] == [(), ()]
    assert [str(row) for row in sts.left_out] == [
        "sts-test-student.csv:6: its 'sentence2' is empty"
    ]
    assert "an-id" not in rows(sts.file, "Predicted_Similiary")
    assert len(rows(sts.file, "Predicted_Similiary")) == 4


def test_a_folder_that_cannot_be_made_is_a_usage_error(
    trained: Callable[..., RunFolder], tmp_path: Path
) -> None:
    (tmp_path / "out").touch()

    with pytest.raises(UsageError, match=r"^--out .*out.*: cannot be written: Not a directory"):
        list(write_predictions(trained(), "dev", tmp_path / "out"))


# --- scores -----------------------------------------------------------------------------------


def test_scores_of_dev_are_those_that_were_stored(
    trained: Callable[..., RunFolder], file_run: tuple[RunFolder, Path]
) -> None:
    for folder in (trained(), trained({"heads.sts.pooling": "attention"}), file_run[0]):
        result = folder.result()
        evaluated = evaluate(folder, "dev")
        assert evaluated.scores == result.scores.dev
        assert evaluated.overall == result.overall
        assert not any(evaluated.left_out.values())


def test_scores_of_test_come_from_its_own_labels(trained: Callable[..., RunFolder]) -> None:
    folder = trained()
    evaluated = evaluate(folder, "test")
    scores, overall = evaluated.scores, evaluated.overall

    assert list(scores) == list(TASKS)
    assert scores != evaluate(folder, "dev").scores
    primary = [next(iter(scores[task].values())) for task in TASKS]
    assert overall == pytest.approx(sum(p for p in primary if p is not None) / 3)


def test_a_row_that_is_not_scored_is_told(
    file_run: tuple[RunFolder, Path], tmp_path: Path
) -> None:
    folder, data = file_run
    broken = Path(shutil.copytree(data, tmp_path / "broken"))
    with (broken / "ids-sst-dev.csv").open("a", encoding="utf-8") as file:
        file.write("9\tan-id\ta sentence\t7\n")

    evaluated = evaluate(folder, "dev", broken)

    left_out = {task: list(map(str, rows)) for task, rows in evaluated.left_out.items()}
    reason = "its 'sentiment' is '7', no class from 0 to 4"
    assert left_out == {"sst": [f"ids-sst-dev.csv:7: {reason}"], "pd": [], "sts": []}
    assert evaluated.scores == evaluate(folder, "dev").scores


def test_texts_that_are_odd_are_counted(file_run: tuple[RunFolder, Path], tmp_path: Path) -> None:
    """The rows of dev are the first ones of train; without train, nothing is known of that."""
    folder, data = file_run
    alone = Path(shutil.copytree(data, tmp_path / "alone"))
    (alone / "sts-train.csv").unlink()
    with (alone / "sts-dev.csv").open("a", encoding="utf-8") as file:
        file.write(f"9\tan-id\t{'long ' * 600}\t\u200b\t3\n")

    assert evaluate(folder, "dev").texts == {task: TextCounts(5, 0, 0, 5) for task in TASKS}
    assert evaluate(folder, "dev", alone).texts["sts"] == TextCounts(6, cut=1, empty=1)


def test_files_without_labels_have_no_scores(file_run: tuple[RunFolder, Path]) -> None:
    with pytest.raises(UsageError, match=r"^sst: its test split has no labels; 'mtbench predict'"):
        evaluate(file_run[0], "test")

    assert test_uses.of_runs(file_run[0].store, [file_run[0].key]) == []  # nothing was read


def test_scores_of_test_are_logged_before_anybody_sees_them(
    trained: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained()
    request = folder.request()
    before = [*test_uses.read(folder.store)]

    evaluated = evaluate(folder, "test")

    *earlier, use = test_uses.read(folder.store)
    assert earlier == before
    age = datetime.now(UTC) - datetime.fromisoformat(use.time)
    assert timedelta(0) <= age + timedelta(seconds=1) < timedelta(minutes=5)
    assert use == test_uses.Use(
        time=use.time,
        run=folder.key,
        matrix=request.matrix,
        cell=request.cell,
        seed=request.seed,
        scores=evaluated.scores,
        overall=evaluated.overall,
    )

    def full(*_: Any) -> None:
        raise UsageError("the store cannot be written")

    monkeypatch.setattr(test_uses, "log", full)
    with pytest.raises(UsageError, match="cannot be written"):
        evaluate(folder, "test")


def test_a_use_that_could_not_be_logged_is_told_before_anything_is_computed(
    tmp_path: Path,
) -> None:
    folder = Store(tmp_path).create("key")  # a run without a result
    (tmp_path / TEST_USES).mkdir()

    with pytest.raises(UsageError, match=r"^the store .* cannot be written: "):
        evaluate(folder, "test")
    with pytest.raises(RunsMissing):
        evaluate(folder, "dev")


# --- what has changed since -------------------------------------------------------------------


def test_the_model_is_the_trained_one(trained: Callable[..., RunFolder]) -> None:
    folder = trained()
    state = restore(folder).assembled.model.state_dict()

    stored = load_file(folder.path / CHECKPOINT)
    assert stored
    assert all(torch.equal(state[name], tensor) for name, tensor in stored.items())


def test_a_checkpoint_that_does_not_fit_into_memory_is_not_damaged(
    trained: Callable[..., RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(trained(), tmp_path)

    def load_file(_: Path) -> None:
        torch.empty(1 << 50)

    monkeypatch.setattr("mtbench.runs.prediction.load_file", load_file)

    with pytest.raises(RuntimeError, match="can't allocate memory"):
        restore(folder)
    assert folder.state() == "done"


CHANGES: dict[str, Callable[[Tensor], dict[str, Tensor]]] = {
    "a tensor less": lambda _: {},
    "a tensor more": lambda tensor: {"heads.more": torch.ones(1), LAST: tensor},
    "another shape": lambda tensor: {LAST: tensor[..., None]},
    "no shape": lambda _: {LAST: torch.tensor(1.0)},
    "half precision": lambda tensor: {LAST: tensor.half()},
    "integers": lambda tensor: {LAST: tensor.long()},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_checkpoint_of_another_model_is_refused(
    trained: Callable[..., RunFolder], tmp_path: Path, change: str
) -> None:
    folder = copied(trained(), tmp_path)
    result = folder.result()
    state = load_file(folder.path / CHECKPOINT)
    state |= CHANGES[change](state.pop(LAST))
    save_file(state, folder.path / CHECKPOINT)

    with pytest.raises(Damaged, match=r"^run \w{12} is damaged: checkpoint.safetensors: "):
        restore(folder)
    folder.end(result)
    with pytest.raises(
        Damaged, match=r"it does not fit the run's model at 'heads\.\S+'; "
    ) as told:
        restore(folder)
    assert len(str(told.value)) < 200
    assert folder.state() == "damaged"


def test_weights_that_predict_no_numbers_end_in_one_line(
    trained: Callable[..., RunFolder], tmp_path: Path
) -> None:
    """Sealed, so that nothing but the predictions tells it."""
    folder = copied(trained(), tmp_path)
    state = load_file(folder.path / CHECKPOINT)
    result = folder.result()
    save_file({**state, LAST: state[LAST] * math.nan}, folder.path / CHECKPOINT)
    folder.end(result)

    for asked in (
        lambda: evaluate(folder, "dev"),
        lambda: list(write_predictions(folder, "test", tmp_path / "out")),
    ):
        with pytest.raises(
            UsageError, match=r"^run \w{12} on \w+: the predictions of task 'sts' ar"
        ):
            asked()


def test_a_crafted_checkpoint_is_damaged(
    trained: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder = copied(trained(), tmp_path)
    result = folder.result()
    for content in (b"", b"\xff" * 8 + b"{", b"\x02" + bytes(7) + b"[]"):
        (folder.path / CHECKPOINT).write_bytes(content)
        folder.end(result)
        with pytest.raises(Damaged, match=r"is damaged: checkpoint.safetensors: ") as caught:
            restore(folder)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", ["missing", "failed"])
def test_a_run_without_a_score_has_no_model(
    request_run: Callable[..., RunFolder], state: str
) -> None:
    folder = request_run()
    if state == "failed":
        folder.end(Failure(error="no", traceback=""))

    with pytest.raises(RunsMissing, match=rf"^run {folder.key[:12]} is {state}, so it has no"):
        restore(folder)


HEADS = """
import torch
from torch import nn
from mtbench.api import HeadSpec, hookimpl

class Mine(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.projection = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        return self.projection(torch.cat(embeddings, dim=-1)).squeeze(-1)

@hookimpl
def mtbench_heads():
    return [HeadSpec(name="mine", summary="mine", target="my_heads:Mine")]
"""


def test_a_plugin_that_changed_is_told_before_it_predicts(
    request_run: Callable[..., RunFolder], tmp_path: Path, new_modules: None
) -> None:
    file = tmp_path / "my_heads.py"
    file.write_text(HEADS)
    folder = request_run({"heads.pd": "mine"}, plugins=[file])
    execute(folder, [file])
    assert len(list(write_predictions(folder, "dev", tmp_path / "out", plugins=[file]))) == 3

    del sys.modules["my_heads"]
    file.write_text(HEADS.replace("squeeze(-1)", "squeeze(-1) + 1"))

    with pytest.raises(UsageError, match=r"heads\.pd changed since run \w{12} was trained"):
        restore(folder, plugins=[file])


def test_no_code_is_run_because_a_store_names_it(
    request_run: Callable[..., RunFolder], tmp_path: Path, new_modules: None
) -> None:
    file = tmp_path / "my_heads.py"
    file.write_text(HEADS)
    folder = request_run({"heads.pd": "mine"}, plugins=[file])
    execute(folder, [file])
    file.write_text(f"{HEADS}\nopen({str(tmp_path / 'ran')!r}, 'w')\n")

    for asked in (lambda: evaluate(folder, "dev"), lambda: written(folder, "dev", tmp_path)):
        with pytest.raises(UsageError) as caught:
            asked()
        assert str(caught.value) == (
            f"run {folder.key[:12]} was trained with the plugin file {file}: give it with "
            "--plugin FILE (code is not run because a store names it)"
        )
    assert not (tmp_path / "ran").exists()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / file.name).write_text(HEADS)
    del sys.modules["my_heads"]
    assert evaluate(folder, "dev", plugins=[tmp_path / "copy" / file.name]).overall is not None


def test_a_plugin_file_that_the_cell_does_not_need_is_not_asked_for(
    request_run: Callable[..., RunFolder], tmp_path: Path, new_modules: None
) -> None:
    file = tmp_path / "my_heads.py"
    file.write_text(HEADS)
    folder = request_run(plugins=[file])
    execute(folder, [file])

    assert evaluate(folder, "dev").overall is not None


def test_data_that_moved_are_found_where_they_are_now(
    file_run: tuple[RunFolder, Path], tmp_path: Path
) -> None:
    folder, data = file_run
    before = [file.read_bytes() for file in written(folder, "test", tmp_path / "a")]
    moved = data.rename(data.with_name("elsewhere"))
    try:
        files = written(folder, "test", tmp_path / "b", moved)
        scores = evaluate(folder, "dev", moved)
        with pytest.raises(UsageError, match=r"ids-sst-test-student\.csv"):
            written(folder, "test", tmp_path / "c")
    finally:
        moved.rename(data)

    assert [file.read_bytes() for file in files] == before
    assert scores == evaluate(folder, "dev")


# --- devices ----------------------------------------------------------------------------------


def test_a_run_of_another_device_predicts_here(
    trained: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder = copied(trained(), tmp_path)
    request, result = folder.request().model_dump(), folder.result()
    identity = {**request["identity"], "device": "cuda"}
    write_json(folder.path / REQUEST, {**request, "device": "cuda:99", "identity": identity})
    folder.end(result)

    assert evaluate(folder, "dev") == evaluate(trained(), "dev")
    for one, other in zip(
        written(folder, "dev", tmp_path / "a"),
        written(trained(), "dev", tmp_path / "b"),
        strict=True,
    ):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_predictions_on_cuda_are_near_those_on_the_cpu(trained: Callable[..., RunFolder]) -> None:
    folder = trained()
    on_cpu, on_cuda = (restore(folder, device=device) for device in ("cpu", "cuda:0"))

    examples = on_cpu.tokenised("sts", on_cpu.load("sts", "dev", with_labels=False))
    one, other = (predict(run.assembled.model, "sts", examples) for run in (on_cpu, on_cuda))

    assert on_cuda.assembled.model.device == torch.device("cuda:0")
    assert on_cuda.assembled.model.digests() == on_cpu.assembled.model.digests()
    assert other == pytest.approx(one, abs=1e-4)


# --- the real data ----------------------------------------------------------------------------


def test_every_id_of_the_real_test_split_is_there_once(
    cs224n: Path, request_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder = request_run(
        {
            "tasks": ["sst", "pd", "sts"],
            "data": {"dir": str(cs224n), "fraction": 0.002, "train_sample": 10},
            "train": {"lr": 1e-3, "batch_size": 4, "steps": 1},
        }
    )
    execute(folder)

    sst, para, sts = written(folder, "test", tmp_path / "out")

    for file, column, name, count in (
        (sst, "Predicted_Sentiment", "ids-sst-test-student.csv", 2_210),
        (para, "Predicted_Is_Paraphrase", "quora-test-student.csv", 10_204),
        (sts, "Predicted_Similiary", "sts-test-student.csv", 1_725),
    ):
        ids = set(re.findall(r"\t([0-9a-f]{25})\t", (cs224n / name).read_text(encoding="utf-8")))
        assert len(ids) == count
        assert set(rows(file, column)) == ids
