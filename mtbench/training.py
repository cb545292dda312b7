"""Training: a schedule of steps over several tasks, taken one after the other."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from mtbench.examples import ExampleStream, TokenisedExamples
from mtbench.gradients import GradientOracle, Portion
from mtbench.model import MultiTaskModel, TaskBatch
from mtbench.optimizer import Optimizer
from mtbench.protocols import Step
from mtbench.randomness import derive
from mtbench.segments import Segments


@dataclass
class TrainingRecord:
    """What a run went through.

    Attributes:
        examples: examples trained on, a task.
        tokens: tokens that went through the encoder.
        encoder_passes: forward passes of the encoder.
        computing: seconds inside gradients, combiner and optimiser; what else a step takes is
            the harness's own.
        batches: SHA-256 over the sequence of batches: step, task and example ids.
    """

    examples: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    encoder_passes: int = 0
    computing: float = 0.0
    batches: str = ""


class Trainer:
    """Trains a model in place, step by step.

    Args:
        examples: each task's training set.
        steps: the whole schedule.
        oracle: leaves a step's combined gradient in ``.grad``.
        config: the ``train`` section of the configuration.
        seed: the run's.

    Attributes:
        steps: the whole schedule.
        done: steps taken so far.
        record: of them.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        examples: Mapping[str, TokenisedExamples],
        steps: Sequence[Step],
        *,
        oracle: GradientOracle,
        config: Mapping[str, Any],
        seed: int,
    ) -> None:
        self._model = model
        self._examples = examples
        self.steps = steps
        self._oracle = oracle
        self._micro_batch_size = config["micro_batch_size"]
        self._seed = seed
        self._streams = {task: ExampleStream(seed, task, len(e)) for task, e in examples.items()}
        self._optimizer = Optimizer(model, config, len(steps))
        self._batches = hashlib.sha256()
        self.done = 0
        self.record = TrainingRecord(dict.fromkeys(examples, 0), batches=self._batches.hexdigest())

    def step(self) -> dict[str, float]:
        """Take the next step, and return each task's loss.

        Raises:
            NonFiniteLoss: if a loss is no finite number.
        """
        portions = self._next_portions()
        started = time.perf_counter()
        torch.manual_seed(derive(self._seed, "dropout", self.done))
        self._model.train()  # an evaluation in between leaves the model in evaluation mode
        losses = self._oracle.step(
            self._forward, portions, step=self.done, total_steps=len(self.steps)
        )
        self._optimizer.step(self.done)
        self.record.computing += time.perf_counter() - started
        self.done += 1
        return losses

    def _forward(
        self, parts: Mapping[str, TaskBatch], segments: Segments | None
    ) -> Mapping[str, torch.Tensor]:
        self.record.encoder_passes += 1
        return self._model.losses(parts, segments)

    def _next_portions(self) -> dict[str, list[Portion]]:
        """Take each task's next examples, and put down what they are."""
        portions = {}
        for task, count in self.steps[self.done].items():
            examples = self._examples[task]
            taken = self._streams[task].take(count)
            ids = "\0".join(examples.ids[i] for i in taken)
            self._batches.update(f"{self.done}\0{task}\0{ids}\n".encode())
            self.record.examples[task] += count
            self.record.tokens += int(examples.lengths[taken].sum())
            portions[task] = _portions(examples, taken, self._micro_batch_size)
        self.record.batches = self._batches.hexdigest()
        return portions


def _portions(
    examples: TokenisedExamples, indices: Sequence[int], largest: int | None
) -> list[Portion]:
    """Cut a task's part of a step into micro-batches, each with its share of the examples."""
    size = largest or len(indices)
    cuts = [indices[i : i + size] for i in range(0, len(indices), size)]
    return [Portion(examples.batch(cut), len(cut) / len(indices)) for cut in cuts]
