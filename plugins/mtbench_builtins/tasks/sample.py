"""Sample tasks: sentences that the project makes itself, learnable in minutes on a CPU.

They are of the same three kinds as ``sst``, ``pd`` and ``sts``, and need no data folder.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mtbench.api import Examples, Split, TaskInfo, derive, stream
from mtbench_builtins.tasks.sample_events import paraphrase, similarity
from mtbench_builtins.tasks.sample_opinions import opinion

if TYPE_CHECKING:
    from mtbench_builtins.tasks.sample_parameters import SampleParameters

SEED = 0
"""The sample data are the same for all: no run's seed is in them."""

SPLITS = ("train", "dev", "test")


class SampleTask(ABC):
    """A task whose examples are made; a subclass says how one is.

    Attributes:
        name: the task's name, as its ids and its stream of randomness have it.
        info: what the task is.
    """

    name: ClassVar[str]
    info: ClassVar[TaskInfo]

    def __init__(self, parameters: SampleParameters) -> None:
        """Make the task with so many examples a split."""
        self.sizes = {
            "train": parameters.train,
            "dev": parameters.dev,
            "test": parameters.test,
        }

    @abstractmethod
    def example(self, rng: random.Random) -> tuple[tuple[str, ...], float]:
        """Return the texts and the label of a new example."""

    def describe(self) -> TaskInfo:
        return self.info

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        """Make the split; no folder is needed."""
        del folder
        rng = stream(SEED, self.name, split)
        made: dict[tuple[str, ...], float] = {}
        while len(made) < self.sizes[split]:
            texts, label = self.example(rng)
            if _split_of(texts) == split:
                made.setdefault(texts, label)
        return Examples(
            ids=tuple(f"{self.name}-{split}-{index:05d}" for index in range(len(made))),
            texts=tuple(made),
            labels=tuple(made.values()) if with_labels else None,
        )


def _split_of(texts: tuple[str, ...]) -> str:
    """Return the one split that may hold these texts, in whatever order a pair has them."""
    return SPLITS[derive(SEED, *sorted(texts)) % len(SPLITS)]


class SampleSST(SampleTask):
    """Sentiment of an opinion about a film."""

    name: ClassVar = "sample-sst"
    info: ClassVar = TaskInfo(
        sentences=1,
        loss="cross-entropy",
        metrics=("accuracy", "macro_f1"),
        classes=5,
    )

    def example(self, rng: random.Random) -> tuple[tuple[str, ...], float]:
        text, grade = opinion(rng)
        return (text,), grade


class SamplePD(SampleTask):
    """Whether two sentences tell the same event."""

    name: ClassVar = "sample-pd"
    info: ClassVar = TaskInfo(
        sentences=2,
        loss="binary-cross-entropy",
        metrics=("accuracy", "macro_f1"),
        classes=2,
    )

    def example(self, rng: random.Random) -> tuple[tuple[str, ...], float]:
        return paraphrase(rng)


class SampleSTS(SampleTask):
    """How much of an event two sentences share."""

    name: ClassVar = "sample-sts"
    info: ClassVar = TaskInfo(
        sentences=2,
        loss="squared-error",
        metrics=("pearson", "spearman"),
        score_range=(0.0, 5.0),
    )

    def example(self, rng: random.Random) -> tuple[tuple[str, ...], float]:
        return similarity(rng)
