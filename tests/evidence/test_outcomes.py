import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.errors import NothingToCompare
from mtbench.evidence.outcomes import (
    OVERALL,
    CellOutcomes,
    TaskOutcomes,
    comparable,
    difference,
    outcomes,
    predictions,
    sound_predictions,
)
from mtbench.evidence.statistics import Sample, interval
from mtbench.metrics import pearson
from mtbench.store import PREDICTIONS, Damaged, RunFolder, Store
from mtbench.store.arrays import read_arrays

METRICS = {"sst": "accuracy", "sts": "pearson"}


@pytest.fixture
def store(tmp_path: Path, a_result: Callable[..., Any]) -> Callable[..., RunFolder]:
    """Give a function that stores what a run predicted, by hand."""

    def write(
        name: str,
        sst: Sequence[float] = (0, 1, 1, 0),
        sts: Sequence[float] = (0.1, 2, 3.5, 4),
        *,
        ids: Sequence[str] = ("a", "b", "c", "d"),
        labels: Sequence[float] = (0, 1, 0, 0),
        pearson: float | None = 0.9,
    ) -> RunFolder:
        folder = Store(tmp_path).create(name)
        np.savez_compressed(
            folder.path / PREDICTIONS,
            **{
                "sst.ids": np.array(ids),
                "sst.labels": np.array(labels),
                "sst.predictions": np.array(sst),
                "sts.ids": np.array(["w", "x", "y", "z"]),
                "sts.labels": np.array([0.0, 2.0, 3.0, 5.0]),
                "sts.predictions": np.array(sts),
            },
        )
        scores = {
            "sst": {"accuracy": float(np.equal(sst, labels).mean())},
            "sts": {"pearson": pearson},
        }
        folder.end(a_result(scores={"dev": scores}))
        return folder

    return write


def test_outcomes_are_a_row_a_seed_in_the_order_given(store: Callable[..., RunFolder]) -> None:
    found = outcomes("a cell", {3: store("3"), 0: store("0", sst=(1, 1, 0, 0))}, METRICS)

    assert (found.name, found.seeds) == ("a cell", [3, 0])
    sample = found.tasks["sst"].sample
    assert sample is not None
    assert sample.outcomes.tolist() == [[1, 1, 0, 1], [0, 1, 1, 1]]
    assert sample.scores.tolist() == [0.75, 0.75]
    assert found.at([0]).name == "a cell"
    (only,) = found.at([0]).samples("sst") or []
    assert only.outcomes.tolist() == [[0, 1, 1, 1]]


def test_the_largest_class_and_the_runs_of_one_class_are_told(
    store: Callable[..., RunFolder],
) -> None:
    """Two of three runs give one and the same for all examples."""
    folders = {4: store("4"), 1: store("1", sst=(0, 0, 0, 0)), 2: store("2", sst=(1, 1, 1, 1))}

    found = outcomes("a cell", folders, METRICS)

    assert (found.tasks["sst"].largest, found.tasks["sst"].constant) == (0.75, [1, 2])
    assert found.tasks["sts"].constant == []
    assert found.at([2, 4]).tasks["sst"].constant == [2]
    assert found.at([4]).tasks["sst"].largest == 0.75


def test_of_one_example_nothing_is_constant(store: Callable[..., RunFolder]) -> None:
    folder = store("0", sst=(1,), ids=("a",), labels=(1,))

    assert outcomes("a cell", {0: folder}, METRICS).tasks["sst"].constant == []
    two = store("1", sst=(1, 1), ids=("a", "b"), labels=(1, 0))
    assert outcomes("a cell", {1: two}, METRICS).tasks["sst"].constant == [1]


def test_a_real_run(trained: Callable[..., Any]) -> None:
    folders = {seed: trained(seed=seed) for seed in (0, 1)}
    metrics = {"sst": "accuracy", "pd": "accuracy", "sts": "pearson"}

    found = outcomes("a cell", folders, metrics)

    for row, folder in enumerate(folders.values()):
        result = folder.result()
        for task, metric in metrics.items():
            sample = found.tasks[task].sample
            assert sample is not None
            assert sample.scores[row] == result.scores.dev[task][metric]
            assert sample.outcomes.shape == (2, 12)
            if metric == "accuracy":
                assert sample.outcomes[row].mean() == pytest.approx(sample.scores[row])
    overall = found.interval(OVERALL)
    assert overall is not None
    mean = np.mean([folder.result().overall for folder in folders.values()])
    assert (overall.estimate, overall.examples) == (pytest.approx(mean), 36)


def test_runs_of_other_examples_are_refused_with_task_and_cell(
    store: Callable[..., RunFolder],
) -> None:
    for other in ({"ids": ("a", "b", "c", "e")}, {"labels": (0, 1, 1, 0)}):
        with pytest.raises(NothingToCompare, match="sst of my cell were scored on different"):
            outcomes("my cell", {0: store("0"), 1: store("1", **other)}, METRICS)


def test_an_undefined_metric_of_one_run_leaves_the_task_and_the_overall_out(
    store: Callable[..., RunFolder],
) -> None:
    constant = store("1", sts=(1, 1, 1, 1), pearson=None)

    found = outcomes("a cell", {0: store("0"), 1: constant}, METRICS)

    assert found.tasks["sts"].sample is None
    assert (found.interval("sts"), found.interval(OVERALL)) == (None, None)
    assert found.interval("sst") is not None
    sound = outcomes("another", {0: store("2"), 1: store("3")}, METRICS)
    for a, b in [(found, found), (found, sound), (sound, found)]:
        assert difference(a, b, "sts") is None
    assert found.at([0]).tasks["sts"].sample is None


def damage(folder: RunFolder, how: str) -> None:
    file = folder.path / PREDICTIONS
    content = file.read_bytes()
    if how == "missing":
        file.unlink()
    elif how == "pickle":
        np.savez(file, **{"sst.ids": np.array([{}], dtype=object)})
    else:
        torn: Mapping[str, bytes] = {
            "empty": b"",
            "cut": content[: len(content) // 2],
            "zeros": bytes(len(content)),
            "text": b"no archive",
        }
        file.write_bytes(torn[how])


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "zeros", "text", "pickle"])
def test_predictions_that_cannot_be_read_are_one_line(
    store: Callable[..., RunFolder], how: str
) -> None:
    folder = store("0123456789abcdef")
    damage(folder, how)

    with pytest.raises(Damaged) as caught:
        predictions(folder)

    message = str(caught.value)
    assert message.startswith("run 0123456789ab is damaged: predictions.npz: ")
    assert ("not there" in message) == (how == "missing")
    assert "\n" not in message
    shutil.rmtree(folder.path)  # what the message says to do
    assert folder.state() == "missing"


# --- differences ------------------------------------------------------------------------------


def cell(
    name: str,
    tasks: Mapping[str, np.ndarray],
    seeds: Sequence[int] = (0, 1),
    *,
    metric: str = "accuracy",
    examples: str = "dev",
) -> CellOutcomes:
    made = {
        task: TaskOutcomes(metric, f"{examples} {task}", Sample(rows.mean(axis=1), rows))
        for task, rows in tasks.items()
    }
    return CellOutcomes(name, list(seeds), made)


def rows(number: int, seeds: int = 2, examples: int = 6) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 2, (seeds, examples)).astype(float)


def test_a_difference_is_of_common_seeds_whatever_their_order() -> None:
    left, right = rows(0, 3), rows(1, 3)
    a, b = cell("a", {"sst": left}, (0, 1, 2)), cell("b", {"sst": right}, (2, 7, 0))
    d = left[[0, 2]] - right[[2, 0]]

    assert difference(a, b, "sst") == interval([Sample(d.mean(axis=1), d)])
    assert difference(a, cell("c", {"sst": right}, (7, 8, 9)), "sst") is None


def test_the_overall_pairs_tasks_by_name_not_by_place() -> None:
    first, second = rows(0, examples=6), rows(1, examples=9)
    a = cell("a", {"x": first, "y": second})
    b = cell("b", {"y": second, "x": first})

    found = difference(a, b)

    assert found is not None
    assert (found.estimate, found.error) == (0, 0)


def test_only_the_same_metrics_on_the_same_examples_are_compared() -> None:
    a = cell("a", {"x": rows(0), "y": rows(1)})
    fewer = cell("b", {"x": rows(2)})
    other_metric = cell("c", {"x": rows(0), "y": rows(1)}, metric="macro_f1")
    other_examples = cell("d", {"x": rows(0), "y": rows(1)}, examples="another dev")

    assert comparable(a, a)
    assert comparable(a, fewer, "x")
    assert difference(a, fewer, "x") is not None
    for other, what in [
        (fewer, OVERALL),
        (fewer, "y"),
        (other_metric, "x"),
        (other_examples, "x"),
    ]:
        assert not comparable(a, other, what)
        assert difference(a, other, what) is None
        assert difference(other, a, what) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sst.labels": None}, "there is no array 'sst.labels'"),
        ({"sst.predictions": np.zeros(3)}, "sst: not one label and one prediction an id"),
        ({"sst.predictions": np.zeros((4, 1))}, "sst: not one label and one prediction an id"),
        ({"sst.ids": np.arange(4)}, "sst: not ids, labels and predictions"),
        ({"sst.labels": np.array(["a"] * 4)}, "sst: not ids, labels and predictions"),
        ({"sst.labels": np.array([0, 1, np.nan, 0])}, "sst: a label or a prediction that is not"),
        ({"sst.ids": np.full(4, 0x7FFFFFFF, "<u4").view("<U1")}, "a text with a code point"),
    ],
)
def test_crafted_predictions_are_damaged(
    store: Callable[..., RunFolder],
    changes: Mapping[str, Any],
    why: str,
    a_result: Callable[..., Any],
) -> None:
    """Their digest is right: who crafts them can write that too."""
    folder = store("0")
    arrays = {**read_arrays((folder.path / PREDICTIONS).read_bytes()), **changes}
    np.savez(folder.path / PREDICTIONS, **{k: v for k, v in arrays.items() if v is not None})
    scores = {"sst": {"accuracy": 0.75}}
    folder.end(a_result(scores={"dev": scores}))

    with pytest.raises(Damaged, match=f"predictions.npz: {why}"):
        predictions(folder)
    assert folder.state() == "damaged"


@pytest.mark.parametrize("score", [0.76, 0.7500001, None, 1.0])
def test_scores_that_are_not_those_of_the_predictions_are_damage(
    store: Callable[..., RunFolder], score: float | None, a_result: Callable[..., Any]
) -> None:
    folder = store("0", pearson=pearson((0.1, 2, 3.5, 4), (0, 2, 3, 5)))
    assert sound_predictions(folder).keys() == {"sst", "sts"}
    result = folder.result()
    dev = {**result.scores.dev, "sst": {"accuracy": score}}
    folder.end(a_result(scores={"dev": dev}))

    with pytest.raises(Damaged, match=f"sst: accuracy {score}, and 0.75 by predictions.npz"):
        sound_predictions(folder)
    assert folder.state() == "damaged"


def test_scores_that_differ_in_their_last_digits_or_are_undefined_are_sound(
    store: Callable[..., RunFolder],
) -> None:
    """Another machine's sums may end otherwise; beside zero, no relative difference is small."""
    assert sound_predictions(store("0", sts=(1, -5, 5, -1), pearson=5e-10)).keys() == {
        "sst",
        "sts",
    }
    assert sound_predictions(store("1", sts=(1, 1, 1, 1), pearson=None)).keys() == {"sst", "sts"}


def test_scores_of_a_task_without_predictions_are_damage(
    store: Callable[..., RunFolder], a_result: Callable[..., Any]
) -> None:
    folder = store("0")
    folder.end(a_result(scores={"dev": {"pd": {"accuracy": 0.5}}}))
    with pytest.raises(Damaged, match=r"predictions.npz: nothing of pd"):
        sound_predictions(folder)
