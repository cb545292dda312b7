"""Evaluation: a model's predictions on a split, and the metrics of them."""

from collections.abc import Mapping, Sequence

import torch

from mtbench.metrics import METRICS
from mtbench.model.batching import length_ordered_batches
from mtbench.model.model import MultiTaskModel
from mtbench.model.objectives import predictions
from mtbench.protocols import TaskInfo
from mtbench.training.examples import TokenisedExamples

BATCH_TOKENS = 4096
"""Tokens in one forward pass of an evaluation: large enough to fill the matrix products."""

Scores = Mapping[str, float | None]


class NonFinitePrediction(ArithmeticError):
    """A model predicts something that is no finite number."""

    def __init__(self, task: str) -> None:
        super().__init__(f"the predictions of task {task!r} are not finite")


@torch.inference_mode()
def predict(model: MultiTaskModel, task: str, examples: TokenisedExamples) -> list[float]:
    """Return a prediction for each example, in the labels' own terms and the examples' order.

    Raises:
        NonFinitePrediction: if one is NaN or infinite.
    """
    model.eval()
    head = model.tasks[task]
    result = torch.empty(len(examples), dtype=torch.float64)
    for indices in length_ordered_batches(examples.lengths.tolist(), BATCH_TOKENS):
        outputs = model({task: examples.batch(indices)})[task].cpu()
        if not torch.isfinite(outputs).all():
            raise NonFinitePrediction(task)
        result[indices] = predictions(head.info, head.output, outputs).double()
    values: list[float] = result.tolist()
    return values


def score(info: TaskInfo, predicted: Sequence[float], labels: Sequence[float]) -> Scores:
    """Return all metrics of a task; None where one is undefined."""
    return {name: METRICS[name](predicted, labels) for name in info.metrics}


def predict_and_score(
    model: MultiTaskModel, examples: Mapping[str, TokenisedExamples]
) -> tuple[dict[str, list[float]], dict[str, Scores]]:
    """Return the predictions and the metrics of each task."""
    predicted = {task: predict(model, task, split) for task, split in examples.items()}
    scores = {
        task: score(model.tasks[task].info, predicted[task], split.labels)
        for task, split in examples.items()
    }
    return predicted, scores


def overall(infos: Mapping[str, TaskInfo], scores: Mapping[str, Scores]) -> float | None:
    """Return the mean of the tasks' primary metrics; None where one of them is undefined."""
    primary = [scores[task][info.metrics[0]] for task, info in infos.items()]
    defined = [value for value in primary if value is not None]
    return sum(defined) / len(primary) if len(defined) == len(primary) else None
