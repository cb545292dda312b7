"""The work: what a step is made of, the same for every contender, and mtbench's own cells."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtbench import data
from mtbench.components.registry import Registry
from mtbench.matrix.designs import NamedCell
from mtbench.protocols import Examples, Split
from mtbench.runs.runner import Run, prepare
from mtbench.store import REQUEST, RunFolder
from mtbench.study.identity import Identifier
from mtbench.study.plan import PlannedCell, PlannedRun
from mtbench.study.requests import request
from mtbench.study.resolution import Resolver
from mtbench.system.files import write_json
from mtbench.training.examples import TokenisedExamples, example_stream

SEED = 0
LR = 1e-5
"""AdamW without decay; everything else of it is torch's default."""
TASKS = ("sst", "pd", "sts")

Taken = Mapping[str, list[int]]
"""A step's examples: indices, a task."""


@dataclass(frozen=True)
class TaskData:
    """A task's examples as plain lists, for contenders that know nothing of mtbench.

    Attributes:
        columns: token ids, special ones included; one column a sentence.
    """

    columns: tuple[list[list[int]], ...]
    labels: list[float]

    def take(self, indices: list[int]) -> tuple[list[list[list[int]]], list[float]]:
        """Return some of the examples."""
        return (
            [[column[i] for i in indices] for column in self.columns],
            [self.labels[i] for i in indices],
        )


@dataclass(frozen=True)
class Source:
    """Where sentences and first weights come from.

    Attributes:
        checkpoint: folder in the Hugging Face layout.
        data: folder of the CS224N files; None for mtbench's sample tasks.
    """

    checkpoint: Path
    data: Path | None
    threads: int

    def run(
        self, folder: Path, combiner: str, *, batch_size: int, steps: int, dropout: float
    ) -> Run:
        """Write the request of a cell into a folder, and prepare it as the runner does."""
        head = {"pooling": "mean", "dropout": dropout}
        config: dict[str, Any] = {
            "tasks": [
                {"name": task if self.data else f"sample-{task}", "as": task} for task in TASKS
            ],
            "encoder": {
                "name": "minbert",
                "checkpoint": str(self.checkpoint),
                "dropout": dropout,
            },
            "heads": {
                "sst": {"name": "linear", **head},
                "pd": {"name": "linear", **head},
                "sts": {"name": "relu-cosine", **head},
            },
            "balancer": {"name": "cycle"},
            "combiner": {"name": combiner},
            "train": {
                "lr": LR,
                "batch_size": batch_size,
                "steps": steps,
                "threads": self.threads,
            },
            "data": {"dir": str(self.data)} if self.data else {},
        }
        resolved = Resolver(Registry.load()).resolve(config)
        assert resolved.rejection is None, resolved.rejection
        folder.mkdir(parents=True)
        cell = PlannedCell(
            NamedCell("a cell", config),
            resolved,
            [],
            identified=Identifier().identity(resolved, "cpu")[0],
        )
        run = PlannedRun(RunFolder(folder), SEED, "missing")
        write_json(folder / REQUEST, request(cell, run, []).model_dump())
        with torch_as_it_is():
            return prepare(RunFolder(folder))


@contextmanager
def torch_as_it_is() -> Iterator[None]:
    """Undo what a run asks of torch when it is prepared: the others never asked for it."""
    mode = torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        torch.utils.deterministic.fill_uninitialized_memory = fill


@dataclass(frozen=True)
class Work:
    """Everything that a contender is built from; it can be pickled for another process.

    Attributes:
        requests: the folders of mtbench's own cells, by combiner.
        training: the training examples as mtbench takes them.
        plain: the same examples as plain lists.
        heads: the first weights of the heads that have any.
        top: the highest STS score.
        steps: how many can be taken.
    """

    checkpoint: Path
    requests: Mapping[str, Path]
    training: Mapping[str, TokenisedExamples]
    plain: Mapping[str, TaskData]
    heads: Mapping[str, Mapping[str, Tensor]]
    top: float
    batch_size: int
    steps: int
    dropout: float

    def draws(self) -> Iterator[Taken]:
        """Yield the examples of each step: those that mtbench's trainer takes."""
        streams = {
            task: example_stream(SEED, task, len(examples.labels))
            for task, examples in self.plain.items()
        }
        for _ in range(self.steps):
            yield {task: [*islice(stream, self.batch_size)] for task, stream in streams.items()}

    def lengths(self, taken: Taken) -> list[int]:
        """Return the real tokens of each sequence of a step."""
        return [
            len(sequence)
            for task, indices in taken.items()
            for column in self.plain[task].take(indices)[0]
            for sequence in column
        ]


def make_work(
    source: Source,
    folder: Path,
    examples: Mapping[str, Examples],
    *,
    batch_size: int,
    steps: int,
    dropout: float,
) -> Work:
    """Lay out steps over the training examples; whole batches of them only."""
    runs = {
        combiner: source.run(
            folder / combiner, combiner, batch_size=batch_size, steps=steps, dropout=dropout
        )
        for combiner in ("sum", "pcgrad")
    }
    run = runs["sum"]
    chosen = {
        task: data.sample(given, min(steps, len(given) // batch_size) * batch_size)
        for task, given in examples.items()
    }
    models = run.assembled.model.tasks
    score_range = models["sts"].info.score_range
    assert score_range is not None
    return Work(
        checkpoint=source.checkpoint,
        requests={combiner: folder / combiner for combiner in runs},
        training={task: run.tokenised(task, given) for task, given in chosen.items()},
        plain={task: plain(run, given) for task, given in chosen.items()},
        heads={
            task: {name: value.clone() for name, value in linear_state(models[task].module)}
            for task in ("sst", "pd")
        },
        top=score_range[1],
        batch_size=batch_size,
        steps=steps,
        dropout=dropout,
    )


def linear_state(module: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield weight and bias of a linear head, whatever it calls the layer that they are in."""
    for name, value in module.state_dict().items():
        yield name.rpartition(".")[2], value


def plain(run: Run, examples: Examples) -> TaskData:
    """Tokenise examples one sentence at a time, and keep nothing but lists of ids."""
    columns = tuple(
        [
            [int(piece) for piece in tokens.ids]
            for tokens in run.assembled.tokenizer.encode([(text,) for text in column])
        ]
        for column in zip(*examples.texts, strict=True)
    )
    assert examples.labels is not None
    return TaskData(columns, list(examples.labels))


def read(run: Run, split: Split, tasks: tuple[str, ...] = TASKS) -> dict[str, Examples]:
    """Read a split of the tasks."""
    return {task: run.load(task, split, with_labels=True) for task in tasks}
