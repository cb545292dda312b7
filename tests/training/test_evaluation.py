from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtbench.data.token_column import TokenColumn
from mtbench.model.model import MultiTaskModel, TaskHead
from mtbench.protocols import EncoderOutput, RaggedBatch, TaskInfo, Tokens
from mtbench.training import evaluation
from mtbench.training.evaluation import (
    NonFinitePrediction,
    overall,
    predict,
    predict_and_score,
)
from mtbench.training.examples import TokenisedExamples

SCORE = TaskInfo(
    sentences=1, loss="squared-error", metrics=("pearson", "spearman"), score_range=(0, 5)
)
CLASSES = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy", "macro_f1"), classes=3)


class Plain(nn.Module):
    """Gives each token its id, and remembers the lengths that came together."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[tuple[int, ...]] = []

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        self.passes.append(batch.lengths)
        tokens = batch.ids.float().unsqueeze(1)
        return EncoderOutput(tokens, tokens[batch.starts])


class Dropped(nn.Module):
    """The embedding itself, with dropout that would not go unseen."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.9)

    def forward(self, embedding: Tensor) -> Tensor:
        return self.dropout(embedding).squeeze(1)


class Logits(nn.Module):
    """Logits of three classes that are highest for the class of the embedding's number."""

    def forward(self, embedding: Tensor) -> Tensor:
        return -(embedding - torch.arange(3)).abs()


def model_of(**heads: Any) -> MultiTaskModel:
    return MultiTaskModel(
        Plain(),
        {
            name: TaskHead(module, info, "separate", "cls", "task")
            for name, (module, info) in heads.items()
        },
    )


def examples(firsts: list[float], labels: list[float], lengths: list[int]) -> TokenisedExamples:
    sequences = [
        Tokens([first, *[1] * (length - 1)], [0] * length)
        for first, length in zip(firsts, lengths, strict=True)
    ]
    ids = tuple(f"example {i}" for i in range(len(firsts)))
    return TokenisedExamples(ids, (TokenColumn.of(sequences),), tuple(labels))


LENGTHS = [3, 1, 2, 3, 1]
VALUES = [4, 0, 3, 1, 2]


def test_predictions_stand_in_the_order_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "BATCH_TOKENS", 4)
    model = model_of(sts=(Dropped(), SCORE)).train()

    predicted = predict(model, "sts", examples(VALUES, VALUES, LENGTHS))

    assert predicted == VALUES  # without dropout, and whatever the batches
    assert model.encoder.passes == [(1, 1, 2), (3,), (3,)]


def test_predictions_of_classes_are_classes() -> None:
    model = model_of(sst=(Logits(), CLASSES))

    assert predict(model, "sst", examples([2, 0, 1], [0, 0, 0], [1, 2, 1])) == [2, 0, 1]


def test_predictions_carry_no_gradient_and_leave_the_model_in_evaluation_mode() -> None:
    model = model_of(sts=(Dropped(), SCORE)).train()

    predict(model, "sts", examples(VALUES, VALUES, LENGTHS))

    assert not model.training
    assert not model.tasks["sts"].module.dropout.training
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_prediction_that_is_no_finite_number(value: float) -> None:
    class Broken(Dropped):
        def forward(self, embedding: Tensor) -> Tensor:
            return torch.where(embedding.squeeze(1) == 3, value, 1.0)

    model = model_of(sts=(Broken(), SCORE))

    with pytest.raises(NonFinitePrediction, match=r"^the predictions of task 'sts' are not fin"):
        predict(model, "sts", examples(VALUES, VALUES, LENGTHS))


def test_scores_hold_all_metrics_of_a_task_the_primary_first() -> None:
    model = model_of(sst=(Logits(), CLASSES), sts=(Dropped(), SCORE))
    splits = {
        "sst": examples([2, 0, 1], [2, 0, 0], [1, 1, 1]),
        "sts": examples([1, 2, 3], [3.0, 1.5, 0.0], [1, 2, 1]),
    }

    predicted, scores = predict_and_score(model, splits)

    assert predicted == {"sst": [2, 0, 1], "sts": [1, 2, 3]}
    assert list(scores["sst"]) == ["accuracy", "macro_f1"]
    assert scores["sst"]["accuracy"] == pytest.approx(2 / 3)
    assert scores["sst"]["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert scores["sts"] == {"pearson": pytest.approx(-1), "spearman": pytest.approx(-1)}


def test_the_overall_is_the_mean_of_the_primary_metrics() -> None:
    infos = {"sst": CLASSES, "sts": SCORE}
    scores = {
        "sst": {"accuracy": 0.5, "macro_f1": 0.1},
        "sts": {"pearson": -0.25, "spearman": 0.9},
        "another": {"accuracy": 1.0},
    }

    assert overall(infos, scores) == pytest.approx(0.125)
    assert overall({"sts": SCORE}, scores) == -0.25


def test_the_overall_is_undefined_where_a_primary_metric_is() -> None:
    infos = {"sst": CLASSES, "sts": SCORE}
    scores = {
        "sst": {"accuracy": 0.5, "macro_f1": None},
        "sts": {"pearson": None, "spearman": 0.9},
    }

    assert overall(infos, scores) is None
    assert overall({"sst": CLASSES}, scores) == 0.5
