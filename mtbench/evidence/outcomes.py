"""Outcomes: what stored runs made of each example of dev."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtbench.errors import NothingToCompare
from mtbench.evidence.pseudo_values import pseudo_values
from mtbench.evidence.statistics import Interval, Sample, interval
from mtbench.metrics import METRICS
from mtbench.store import PREDICTIONS, RESULT, RunFolder
from mtbench.store.arrays import read_arrays
from mtbench.study.plan import Plan, PlannedCell

SCORES_AGREE = 1e-9
"""How far a score may be from that of the same predictions, by another version of a library."""

OVERALL = "overall"
"""What the mean of the tasks' primary metrics is called beside the tasks."""


@dataclass(frozen=True)
class Predictions:
    """What a run predicted for the dev set of a task.

    Attributes:
        ids: in ascending order, (E,).
        labels: in the task's own terms, (E,).
        predicted: as the labels, (E,).
    """

    ids: NDArray[np.str_]
    labels: NDArray[np.float64]
    predicted: NDArray[np.float64]

    def fingerprint(self) -> str:
        """Return the SHA-256 of ids and labels: which examples they are."""
        digest = hashlib.sha256("\0".join(self.ids.tolist()).encode())
        digest.update(np.ascontiguousarray(self.labels, dtype="<f8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class TaskOutcomes:
    """What the runs of a cell, one a seed, made of a task.

    Attributes:
        metric: the primary one, which the scores are of.
        examples: fingerprint of the dev set.
        sample: scores and outcomes; None where the metric is undefined for one of the runs.
        largest: share of the most frequent label; None where the labels are not at hand.
        constant: the seeds whose runs predict one and the same for all examples, if those are
            several.
    """

    metric: str
    examples: str
    sample: Sample | None
    largest: float | None = None
    constant: Sequence[int] = ()


@dataclass(frozen=True)
class CellOutcomes:
    """What the runs of a cell made of its tasks.

    Attributes:
        name: of the cell.
        seeds: of the runs that are stored, in the plan's order.
        tasks: by name.
    """

    name: str
    seeds: Sequence[int]
    tasks: Mapping[str, TaskOutcomes]

    def samples(self, what: str) -> list[Sample] | None:
        """Return the sample of a task, or of all for ``"overall"``; None where one is not.

        Those of all are in the order of the tasks' names, which is the same in any two cells.
        """
        chosen = sorted(self.tasks) if what == OVERALL else [what]
        samples = [s for s in (self.tasks[task].sample for task in chosen) if s is not None]
        return samples if samples and len(samples) == len(chosen) else None

    def interval(self, what: str) -> Interval | None:
        """Return the interval of a task's mean, or of the overall; None where undefined."""
        samples = self.samples(what)
        return interval(samples) if samples else None

    def at(self, seeds: Sequence[int]) -> CellOutcomes:
        """Return the outcomes of some of the seeds, in that order."""
        places = [list(self.seeds).index(seed) for seed in seeds]
        return CellOutcomes(
            self.name,
            list(seeds),
            {
                name: replace(
                    task,
                    sample=task.sample.at(places) if task.sample is not None else None,
                    constant=[seed for seed in task.constant if seed in seeds],
                )
                for name, task in self.tasks.items()
            },
        )


def readable(plan: Plan) -> Plan:
    """Return the plan after its stored runs' predictions were read: what is damaged says so."""

    def look(cell: PlannedCell, run: RunFolder) -> None:
        primary_scores(run, cell.metrics)
        sound_predictions(run)

    return plan.without_damaged(look)


def cell_outcomes(cell: PlannedCell) -> CellOutcomes | None:
    """Return what the stored runs of a planned cell made of dev, or None where none is stored."""
    folders = {run.seed: run.folder for run in cell.runs if run.state == "done"}
    return outcomes(cell.name, folders, cell.metrics) if folders else None


def outcomes(
    name: str, folders: Mapping[int, RunFolder], metrics: Mapping[str, str]
) -> CellOutcomes:
    """Read what stored runs made of dev.

    Args:
        name: of their cell.
        folders: of the runs, by seed; all are stored.
        metrics: each task's primary metric.

    Raises:
        NothingToCompare: if two runs were scored on different examples of a task.
        Damaged: if the predictions of one are not what was written.
    """
    predicted = {seed: predictions(folder) for seed, folder in folders.items()}
    scores = [primary_scores(folder, metrics) for folder in folders.values()]
    return CellOutcomes(
        name,
        list(folders),
        {
            task: _task(
                f"{task} of {name}",
                metric,
                [of_tasks[task] for of_tasks in scores],
                {seed: of_tasks[task] for seed, of_tasks in predicted.items()},
            )
            for task, metric in metrics.items()
        },
    )


def primary_scores(folder: RunFolder, metrics: Mapping[str, str]) -> dict[str, float | None]:
    """Return the scores of a stored run on dev, a task, by the tasks' primary metrics.

    Raises:
        Damaged: if it has other tasks, or other metrics.
    """
    scores = folder.result().scores.dev
    if {task: next(iter(of_task)) for task, of_task in scores.items()} != dict(metrics):
        raise folder.damaged(f"{RESULT}: not the scores of {', '.join(metrics)}")
    return {task: scores[task][metric] for task, metric in metrics.items()}


def predictions(folder: RunFolder) -> dict[str, Predictions]:
    """Read what a stored run predicted for dev, a task.

    Raises:
        Damaged: if the file is not what was written.
    """
    content = folder.content(PREDICTIONS)
    try:
        arrays: Mapping[str, NDArray[Any]] = read_arrays(content)
        tasks = [name.removesuffix(".ids") for name in arrays if name.endswith(".ids")]
        return {task: _predictions(task, arrays) for task in tasks}
    except ValueError as error:
        raise folder.damaged(f"{PREDICTIONS}: {error}") from None


def sound_predictions(folder: RunFolder) -> dict[str, Predictions]:
    """Read what a stored run predicted, and hold the scores of its result against it.

    Raises:
        Damaged: if a file is not what was written, or they do not agree.
    """
    predicted = predictions(folder)
    for task, metrics in folder.result().scores.dev.items():
        if task not in predicted:
            raise folder.damaged(f"{PREDICTIONS}: nothing of {task}")
        for metric, stored in metrics.items():
            score = _score(metric, predicted[task])
            if score is None or stored is None:
                same = score is stored
            else:
                same = math.isclose(score, stored, abs_tol=SCORES_AGREE)
            if not same:
                raise folder.damaged(f"{task}: {metric} {stored}, and {score} by {PREDICTIONS}")
    return predicted


def _score(metric: str, predicted: Predictions) -> float | None:
    return METRICS[metric](predicted.predicted.tolist(), predicted.labels.tolist())


def _predictions(task: str, arrays: Mapping[str, NDArray[Any]]) -> Predictions:
    try:
        ids, *numbers = (arrays[f"{task}.{part}"] for part in ("ids", "labels", "predictions"))
    except KeyError as error:
        raise ValueError(f"there is no array {error}") from None
    if ids.dtype.kind != "U" or any(array.dtype.kind not in "biuf" for array in numbers):
        raise ValueError(f"{task}: not ids, labels and predictions")
    if ids.ndim != 1 or any(array.shape != ids.shape for array in numbers):
        raise ValueError(f"{task}: not one label and one prediction an id")
    if not all(np.isfinite(array).all() for array in numbers):
        raise ValueError(f"{task}: a label or a prediction that is not finite")
    return Predictions(ids, *numbers)


def _task(
    where: str, metric: str, scores: Sequence[float | None], runs: Mapping[int, Predictions]
) -> TaskOutcomes:
    fingerprints = {run.fingerprint() for run in runs.values()}
    if len(fingerprints) > 1:
        raise NothingToCompare(f"the runs of {where} were scored on different examples")
    values = [pseudo_values(metric, run.predicted, run.labels) for run in runs.values()]
    rows = [row for row in values if row is not None]
    defined = [score for score in scores if score is not None]
    complete = len(rows) == len(defined) == len(runs)
    sample = Sample(np.array(defined, float), np.stack(rows)) if complete else None
    _, counts = np.unique(next(iter(runs.values())).labels, return_counts=True)
    return TaskOutcomes(
        metric,
        fingerprints.pop(),
        sample,
        largest=float(counts.max() / counts.sum()) if len(counts) else None,
        constant=[seed for seed, run in runs.items() if _is_constant(run.predicted)],
    )


def _is_constant(predicted: NDArray[np.float64]) -> bool:
    return len(predicted) > 1 and bool((predicted == predicted[0]).all())


def difference(a: CellOutcomes, b: CellOutcomes, what: str = OVERALL) -> Interval | None:
    """Return the interval of a minus b, of a task or of the overall, over their common seeds.

    Returns:
        None where nothing can be said: no seed in common, the task is not in both (for the
        overall: they have not the same tasks), its examples differ, or a score is undefined.
    """
    if not comparable(a, b, what):
        return None
    seeds = [seed for seed in a.seeds if seed in b.seeds]
    if not seeds:
        return None
    left, right = a.at(seeds).samples(what), b.at(seeds).samples(what)
    if left is None or right is None:
        return None
    return interval([of_a - of_b for of_a, of_b in zip(left, right, strict=True)])


def comparable(a: CellOutcomes, b: CellOutcomes, what: str = OVERALL) -> bool:
    """Whether two cells were scored with the same metrics on the same examples."""
    by_a, by_b = (
        {
            name: (task.metric, task.examples)
            for name, task in cell.tasks.items()
            if what in (OVERALL, name)
        }
        for cell in (a, b)
    )
    return bool(by_a) and by_a == by_b
