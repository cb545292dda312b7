"""Flips: the examples of dev of which two cells' runs made something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtbench.comparison.dev_texts import dev_texts
from mtbench.comparison.subjects import ComparedCell
from mtbench.evidence.outcomes import Predictions, predictions
from mtbench.evidence.statistics import Array

OF_CLASSES = ("accuracy", "macro_f1")
"""Metrics of tasks whose predictions are right or wrong; those of the others are near or far."""


@dataclass(frozen=True)
class Example:
    """An example of dev, and what was made of it.

    Attributes:
        id: in the data.
        label: in the task's own terms, as the predictions.
        a, b: predictions, one a compared seed.
        change: by how much B is worse: of classes the share of seeds in which A alone is right
            less that in which B alone is; of a score the growth of the absolute error, mean
            over seeds. Negative where B is better.
        texts: its sentences; none where they were not read.
    """

    id: str
    label: float
    a: tuple[float, ...]
    b: tuple[float, ...]
    change: float
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flips:
    """What changed from A to B among the examples of a task.

    Attributes:
        metric: the task's primary one.
        counts: of classes, pairs of a seed and an example by who is right: ``both``, ``a``,
            ``b``, ``none``; empty for a score.
        lost: examples that only A gets right in more than half of the seeds; of a score, those
            whose mean absolute error grew.
        won: the same the other way round.
        examples: E.
        identical: whether the same was predicted for every example with every seed. Of classes
            that is more than that none flipped: two wrong predictions may differ.
        most: some of those that changed, the most first; first what was lost, then what was won.
        classes: the names of the classes, where the task has some.
        unread: why there are no sentences; empty where there are, or none were asked for.
    """

    task: str
    metric: str
    counts: Mapping[str, int]
    lost: int
    won: int
    examples: int
    identical: bool
    most: Sequence[Example] = ()
    classes: Sequence[str] = ()
    unread: str = ""


def flips(
    task: str,
    metric: str,
    a: Sequence[Predictions],
    b: Sequence[Predictions],
    *,
    shown: int = 0,
    classes: Sequence[str] = (),
) -> Flips:
    """Return what changed from A to B.

    Args:
        a, b: predictions of the same examples, one a seed, in the same order of seeds.
        shown: how many examples to name of those that were lost, and of those that were won.
        classes: names of the classes, if they have any.
    """
    labels = a[0].labels  # (E,)
    left, right = (np.stack([p.predicted for p in side]) for side in (a, b))  # (S, E)
    counts: dict[str, int] = {}
    if metric in OF_CLASSES:
        a_right, b_right = left == labels, right == labels
        only_a, only_b = a_right & ~b_right, b_right & ~a_right
        counts = {
            "both": int((a_right & b_right).sum()),
            "a": int(only_a.sum()),
            "b": int(only_b.sum()),
            "none": int((~a_right & ~b_right).sum()),
        }
        lost, won = only_a.mean(axis=0) > 0.5, only_b.mean(axis=0) > 0.5
        change = only_a.mean(axis=0) - only_b.mean(axis=0)
    else:
        change = (np.abs(right - labels) - np.abs(left - labels)).mean(axis=0)
        lost, won = change > 0, change < 0
    places = [*_first(lost, -change, shown), *_first(won, change, shown)]
    return Flips(
        task=task,
        metric=metric,
        counts=counts,
        lost=int(lost.sum()),
        won=int(won.sum()),
        examples=len(labels),
        identical=np.array_equal(left, right),
        most=[_example(a[0], left, right, change, place) for place in places],
        classes=classes,
    )


def _first(chosen: NDArray[np.bool_], order: Array, count: int) -> list[int]:
    """Return the places of the first few of those chosen, by order and then by id."""
    places = np.flatnonzero(chosen)
    return [int(place) for place in places[np.argsort(order[places], kind="stable")][:count]]


def _example(of: Predictions, left: Array, right: Array, change: Array, place: int) -> Example:
    return Example(
        id=str(of.ids[place]),
        label=float(of.labels[place]),
        a=tuple(left[:, place].tolist()),
        b=tuple(right[:, place].tolist()),
        change=float(change[place]),
    )


def cell_flips(
    a: ComparedCell,
    b: ComparedCell,
    seeds: Sequence[tuple[int, int]],
    tasks: Sequence[str],
    *,
    shown: int = 0,
) -> list[Flips]:
    """Return what changed from one cell to another in each task.

    Args:
        seeds: of the runs that are compared in pairs, A's and B's; without, nothing is.
        tasks: whose dev examples both have.
        shown: as for ``flips``.
    """
    if not seeds:
        return []
    left = [predictions(a.runs[seed]) for seed, _ in seeds]
    right = [predictions(b.runs[seed]) for _, seed in seeds]
    return [
        flips(
            task,
            a.metrics[task],
            [of_run[task] for of_run in left],
            [of_run[task] for of_run in right],
            shown=shown,
            classes=_class_names(a, task),
        )
        for task in tasks
    ]


def _class_names(subject: ComparedCell, task: str) -> list[str]:
    """Return the names of a task's classes, where its parameter ``classes`` lists them."""
    request = next(iter(subject.requests.values()))
    names = request.config["tasks"].get(task, {}).get("classes")
    return [str(name) for name in names] if isinstance(names, list) else []


def with_texts(
    flips: Sequence[Flips], subject: ComparedCell, data_dir: Path | None
) -> list[Flips]:
    """Put the sentences into the examples that are named, or why there are none.

    Args:
        subject: whose runs' data are read.
        data_dir: where they lie now; None for where they lay when its runs were trained.

    Raises:
        PluginError: if a plugin of the run is broken.
    """
    texts, unread = dev_texts(next(iter(subject.runs.values())), data_dir, subject.plugins)
    return [
        replace(flip, unread=unread[flip.task])
        if flip.task in unread
        else replace(flip, most=[replace(e, texts=texts[flip.task][e.id]) for e in flip.most])
        for flip in flips
    ]
