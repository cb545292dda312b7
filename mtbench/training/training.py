"""Training: steps over several tasks, taken one after the other."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import torch

from mtbench.combination import ObservingCombiner
from mtbench.data import order
from mtbench.devices import CPU
from mtbench.gradients.oracle import GradientOracle, Portion
from mtbench.gradients.segments import Segments
from mtbench.model.model import TaskBatch
from mtbench.protocols import Step
from mtbench.randomness import derive, seed_torch, stream
from mtbench.store.history import History
from mtbench.study.schedule import evaluation_steps, schedule
from mtbench.training.assembly import Assembled
from mtbench.training.examples import TokenisedExamples, example_stream
from mtbench.training.optimizer import Optimizer
from mtbench.training.selection import Selection


@dataclass
class TrainingRecord:
    """What a run went through.

    Attributes:
        examples: examples trained on, a task.
        tokens: of these examples.
        encoder_passes: forward passes of the encoder.
        computing: seconds inside gradients, combiner and optimiser; what else a step takes is
            the harness's own.
        batches: SHA-256 over the sequence of batches: step, task and example ids.
        order: SHA-256 a task over the ids in the order of its first pass, whether or not the run
            goes through all of it; equal where two runs are paired.
    """

    examples: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    encoder_passes: int = 0
    computing: float = 0.0
    batches: str = ""
    order: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Drawn:
    """The examples of one step: which they are, and the micro-batches made of them."""

    taken: Mapping[str, list[int]]
    portions: Mapping[str, list[Portion]]


class Trainer:
    """Trains an assembled cell in place.

    Args:
        cell: its model, balancer and combiner.
        examples: each task's training set.
        config: the ``train`` section of the configuration.
        seed: the run's.
        ahead: whether a thread draws a step's examples while the step before it is computed; None
            for where the model is on a GPU, which gains by it: a CPU would only have its own
            threads disturbed.

    Attributes:
        steps: the whole schedule, as the balancer lays it out.
        done: steps taken so far.
        record: of them.

    Raises:
        PluginError: if the balancer gives no step, an unknown task or a count below 1.
    """

    def __init__(
        self,
        cell: Assembled,
        examples: Mapping[str, TokenisedExamples],
        config: Mapping[str, Any],
        seed: int,
        *,
        ahead: bool | None = None,
    ) -> None:
        model = cell.model
        sizes = {task: len(of_task) for task, of_task in examples.items()}
        self.steps: list[Step] = schedule(cell.balancer, sizes, config, stream(seed, "balancer"))
        self._model = model
        self._examples = examples
        self._config = config
        self._seed = seed
        by_segments = getattr(model.encoder, "segments", False)
        self._oracle = GradientOracle(
            cell.combiner,
            cell.needs,
            model.shared_parameters(),
            model.head_parameters(),
            torch.Generator().manual_seed(derive(seed, "combiner")),
            segments=Segments(model.encoder) if by_segments else None,
        )
        self._observing = cast(ObservingCombiner, cell.combiner) if cell.observes else None
        self._optimizer = Optimizer(model, config, len(self.steps))
        self._streams = {task: example_stream(seed, task, n) for task, n in sizes.items()}
        self._batches = hashlib.sha256()
        on_gpu = model.device.type != CPU
        self._helper = ThreadPoolExecutor(1) if (on_gpu if ahead is None else ahead) else None
        self._next: Future[_Drawn] | None = None
        self.done = 0
        self.record = TrainingRecord(
            dict.fromkeys(examples, 0),
            batches=self._batches.hexdigest(),
            order={task: _order(seed, task, e.ids) for task, e in examples.items()},
        )

    def train(self, selection: Selection, history: History) -> None:
        """Take all steps, noting each, and evaluate on the way.

        Raises:
            ArithmeticError: if a loss or a prediction is not finite.
        """
        total = len(self.steps)
        evaluations = evaluation_steps(total, self._config["evaluations"])
        trained = {task for step in self.steps for task in step}
        while self.done < total:
            losses = self.step()
            history.step(self.done, total, losses)
            if self.done in evaluations:
                selection.evaluate(self.done, trained)

    def step(self) -> dict[str, float]:
        """Take the next step, and return each task's loss.

        Raises:
            NonFiniteLoss: if a loss is no finite number, before the update or, where a combiner
                observes it, after it.
        """
        drawn = self._draw()
        self._record(drawn.taken)
        started = time.perf_counter()
        if not self._model.training:  # as an evaluation in between leaves it
            self._model.train()
        self._seed_dropout()
        # Forward and backward, and the tasks' gradients combined into one.
        losses = self._oracle.step(
            self._forward, drawn.portions, step=self.done, total_steps=len(self.steps)
        )
        self._optimizer.clip()
        self._optimizer.step(self.done)
        if self._observing is not None:
            self._seed_dropout()
            after = self._oracle.losses(self._forward, drawn.portions, step=self.done)
            self._observing.observe(losses, after)
        self.record.computing += time.perf_counter() - started
        self.done += 1
        return losses

    def _draw(self) -> _Drawn:
        """Return this step's examples; where a helper draws ahead, have it begin the next."""
        drawn = self._next.result() if self._next else self._examples_of(self.done)
        self._next = None
        if self._helper is not None and self.done + 1 < len(self.steps):
            self._next = self._helper.submit(self._examples_of, self.done + 1)
        return drawn

    def _examples_of(self, index: int) -> _Drawn:
        """Take each task's next examples, as many as a step asks for."""
        taken = {task: [*islice(self._streams[task], n)] for task, n in self.steps[index].items()}
        size = self._config["micro_batch_size"]
        portions = {task: _portions(self._examples[task], i, size) for task, i in taken.items()}
        return _Drawn(taken, portions)

    def _record(self, taken: Mapping[str, list[int]]) -> None:
        """Record which examples the step to come is made of."""
        for task, indices in taken.items():
            examples = self._examples[task]
            ids = "\0".join(examples.ids[i] for i in indices)
            self._batches.update(f"{self.done}\0{task}\0{ids}\n".encode())
            self.record.examples[task] += len(indices)
            self.record.tokens += int(examples.lengths[indices].sum())
        self.record.batches = self._batches.hexdigest()

    def _seed_dropout(self) -> None:
        seed_torch(derive(self._seed, "dropout", self.done))

    def _forward(
        self, batches: Mapping[str, TaskBatch], segments: Segments | None
    ) -> Mapping[str, torch.Tensor]:
        self.record.encoder_passes += 1
        return self._model.losses(batches, segments)


def _order(seed: int, task: str, ids: Sequence[str]) -> str:
    """Return the digest of the order in which a task's first pass takes its examples."""
    first = order(seed, task, 0, len(ids))
    return hashlib.sha256("\0".join(ids[index] for index in first).encode()).hexdigest()


def _portions(
    examples: TokenisedExamples, indices: Sequence[int], largest: int | None
) -> list[Portion]:
    """Cut a task's part of a step into micro-batches, each with its share of the examples."""
    size = largest or len(indices)
    cuts = [indices[i : i + size] for i in range(0, len(indices), size)]
    return [Portion(examples.batch(cut), len(cut) / len(indices)) for cut in cuts]
