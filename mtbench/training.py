"""The training loop: a schedule of steps over several tasks, from the first to the last."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from mtbench.examples import ExampleStream, TokenisedExamples
from mtbench.gradients import GradientOracle, Portion
from mtbench.learning_rate import share
from mtbench.model import MultiTaskModel, TaskBatch
from mtbench.protocols import Step
from mtbench.randomness import derive

OnStep = Callable[[int, Mapping[str, float]], None]


@dataclass
class TrainingRecord:
    """What a run went through.

    Attributes:
        examples: examples trained on, a task.
        tokens: tokens that went through the encoder.
        encoder_passes: forward passes of the encoder.
        batches: SHA-256 over the sequence of batches: step, task and example ids.
    """

    examples: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    encoder_passes: int = 0
    batches: str = ""


def train(
    model: MultiTaskModel,
    examples: Mapping[str, TokenisedExamples],
    steps: Sequence[Step],
    *,
    oracle: GradientOracle,
    config: Mapping[str, Any],
    seed: int,
    on_step: OnStep,
) -> TrainingRecord:
    """Train a model in place.

    Args:
        examples: each task's training set.
        steps: the whole schedule.
        oracle: leaves a step's combined gradient in ``.grad``.
        config: the ``train`` section of the configuration.
        seed: the run's.
        on_step: called after each step with the number of steps done and the tasks' losses.

    Raises:
        NonFiniteLoss: if a loss is no finite number.
    """
    record = TrainingRecord(dict.fromkeys(examples, 0))
    batches = hashlib.sha256()
    streams = {task: ExampleStream(seed, task, len(e)) for task, e in examples.items()}
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=config["lr"], weight_decay=config["weight_decay"], fused=True
    )

    def forward(parts: Mapping[str, TaskBatch]) -> Mapping[str, torch.Tensor]:
        record.encoder_passes += 1
        return model.losses(parts)

    model.train()
    for index, step in enumerate(steps):
        torch.manual_seed(derive(seed, "dropout", index))
        portions = {}
        for task, count in step.items():
            taken = streams[task].take(count)
            ids = "\0".join(examples[task].ids[i] for i in taken)
            batches.update(f"{index}\0{task}\0{ids}\n".encode())
            record.examples[task] += count
            record.tokens += sum(examples[task].length(i) for i in taken)
            portions[task] = _portions(examples[task], taken, config["micro_batch_size"])
        losses = oracle.step(forward, portions, step=index, total_steps=len(steps))
        if config["clip_norm"] is not None:
            torch.nn.utils.clip_grad_norm_(trained, config["clip_norm"])
        rate = config["lr"] * share(
            index, len(steps), warmup=config["warmup"], decay=config["decay"]
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        on_step(index + 1, losses)
        model.train()  # an evaluation in between leaves the model in evaluation mode
    record.batches = batches.hexdigest()
    return record


def _portions(
    examples: TokenisedExamples, indices: Sequence[int], largest: int | None
) -> list[Portion]:
    """Cut a task's part of a step into micro-batches, each with its share of the examples."""
    size = largest or len(indices)
    cuts = [indices[i : i + size] for i in range(0, len(indices), size)]
    return [Portion(examples.batch(cut), len(cut) / len(indices)) for cut in cuts]
