import math

import pytest
import torch
from torch import tensor

from mtbench.model.objectives import loss, predictions
from mtbench.protocols import TaskInfo

CLASSES = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=3)
YES_OR_NO = TaskInfo(sentences=2, loss="binary-cross-entropy", metrics=("accuracy",), classes=2)
SCORE = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0, 5))
RATING = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(1, 5))


def test_cross_entropy_is_a_mean_over_the_batch() -> None:
    logits = tensor([[math.log(2), 0.0, 0.0], [0.0, 0.0, math.log(8)]])  # shares 1/2, 8/10

    value = loss(CLASSES, "task", logits, tensor([0.0, 2.0]))

    assert value.shape == ()
    assert value.item() == pytest.approx((math.log(2) + math.log(10 / 8)) / 2, rel=1e-6)


def test_binary_cross_entropy_takes_one_logit_an_example() -> None:
    logits = tensor([math.log(3), math.log(3)])  # a probability of 3/4 for yes

    value = loss(YES_OR_NO, "task", logits, tensor([1.0, 0.0]))

    assert value.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2, rel=1e-6)


def test_squared_error_is_in_the_units_of_the_score() -> None:
    value = loss(SCORE, "task", tensor([3.0, 1.0]), tensor([5.0, 2.0]))

    assert value.item() == pytest.approx((4 + 1) / 2)


@pytest.mark.parametrize(("info", "label"), [(SCORE, 2.5), (RATING, 3.0)], ids=["0-5", "1-5"])
def test_a_unit_head_is_trained_on_the_share_of_the_range(info: TaskInfo, label: float) -> None:
    value = loss(info, "unit", tensor([0.75]), tensor([label]))

    assert value.item() == pytest.approx((0.75 - 0.5) ** 2)


@pytest.mark.parametrize("info", [CLASSES, YES_OR_NO, SCORE])
def test_losses_are_differentiated_with_respect_to_the_outputs(info: TaskInfo) -> None:
    outputs = torch.zeros(2, 3) if info is CLASSES else torch.zeros(2)
    outputs.requires_grad_()

    loss(info, "task", outputs, tensor([1.0, 1.0])).backward()

    assert outputs.grad is not None
    assert outputs.grad.abs().sum() > 0


def test_predictions_are_in_the_terms_of_the_labels() -> None:
    logits = tensor([[0.1, 0.2, -1.0], [3.0, 0.0, 2.0]])

    assert predictions(CLASSES, "task", logits).tolist() == [1, 0]
    assert predictions(YES_OR_NO, "task", tensor([-0.1, 0.0, 0.1])).tolist() == [0, 0, 1]
    assert predictions(SCORE, "task", tensor([-1.0, 6.0])).tolist() == [-1, 6]


def test_a_unit_prediction_is_scaled_back() -> None:
    outputs = tensor([-0.5, 0.0, 0.5, 1.0])

    assert predictions(SCORE, "unit", outputs).tolist() == [-2.5, 0, 2.5, 5]
    assert predictions(RATING, "unit", outputs).tolist() == [-1, 1, 3, 5]
