import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score

from mtbench.metrics import METRICS, accuracy, macro_f1, pearson, spearman

CORRELATIONS = [pearson, spearman]
Metric = Callable[[Sequence[float], Sequence[float]], float | None]


def test_the_names_that_tasks_give() -> None:
    assert {name: metric.__name__ for name, metric in METRICS.items()} == {
        "accuracy": "accuracy",
        "macro_f1": "macro_f1",
        "pearson": "pearson",
        "spearman": "spearman",
    }


def test_accuracy_counts_what_is_equal() -> None:
    assert accuracy([0, 1, 2, 2], [0.0, 1.0, 1.0, 2.0]) == 0.75


def test_macro_f1_by_hand() -> None:
    # class 0: precision 2/3, recall 1; class 1: 1, 2/3; class 2: 1/2, 1/2
    assert macro_f1([0, 1, 2, 2, 1, 0, 0], [0, 1, 1, 2, 1, 0, 2]) == pytest.approx(
        (4 / 5 + 4 / 5 + 1 / 2) / 3
    )


def test_a_class_that_is_never_predicted_counts_as_zero() -> None:
    # accuracy 3/4; F1 of class 0 is 6/7, of class 1 it is 0
    assert macro_f1([0, 0, 0, 0], [0, 0, 0, 1]) == pytest.approx(3 / 7)


def test_pearson_by_hand() -> None:
    # centred: (-1, 0, 1) and (-2, 1, 1); inner product 3, squared norms 2 and 6
    assert pearson([1, 2, 3], [0, 3, 3]) == pytest.approx(3 / math.sqrt(12))


def test_spearman_by_hand() -> None:
    # ranks 1 3 2 4 and 1 2 3 4: 1 - 6 * 2 / (4 * 15)
    assert spearman([0.1, 0.4, 0.35, 0.8], [0, 1, 2, 5]) == pytest.approx(0.8)


def test_spearman_shares_ranks_among_ties() -> None:
    # ranks 1.5 1.5 3 and 1 2 3: Pearson of the ranks is 1.5 / sqrt(1.5 * 2)
    assert spearman([7, 7, 9], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(3))


@pytest.mark.parametrize("metric", CORRELATIONS)
@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        ([2.5, 2.5, 2.5], [0.0, 1.0, 2.0]),
        ([0.0, 1.0, 2.0], [4.0, 4.0, 4.0]),
        ([0.0, 0.0], [0.0, 1.0]),
        ([1.0], [1.0]),
        ([], []),
    ],
)
def test_a_correlation_with_a_constant_is_undefined(
    metric: Metric, predictions: list[float], labels: list[float]
) -> None:
    assert metric(predictions, labels) is None


@pytest.mark.parametrize("metric", CORRELATIONS)
def test_what_differs_by_rounding_of_float32_is_constant(metric: Metric) -> None:
    noise = random.Random(0)
    predictions = [2.7 * (1 + noise.uniform(-2e-7, 2e-7)) for _ in range(50)]
    labels = [noise.uniform(0, 5) for _ in range(50)]
    assert metric(predictions, labels) is None


@pytest.mark.parametrize("metric", CORRELATIONS)
def test_small_predictions_are_not_taken_for_constant(metric: Metric) -> None:
    assert metric([1e-9, 2e-9, 3e-9], [1, 2, 3]) == pytest.approx(1)
    assert metric([-1e-9, 0.0, 1e-9], [1, 2, 3]) == pytest.approx(1)


@pytest.mark.parametrize("metric", [accuracy, macro_f1])
def test_nothing_has_no_score(metric: Metric) -> None:
    assert metric([], []) is None


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_lengths_must_agree(metric: Metric) -> None:
    with pytest.raises(ValueError, match=r"\w"):  # each library says it in its own words
        metric([0, 1, 2], [0, 1])


classes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30)


@pytest.mark.parametrize("metric", [accuracy, macro_f1])
@given(pairs=classes)
def test_a_share_lies_between_0_and_1_and_heeds_no_order(
    metric: Metric, pairs: list[tuple[int, int]]
) -> None:
    score = metric([p for p, _ in pairs], [y for _, y in pairs])
    turned = metric([p for p, _ in reversed(pairs)], [y for _, y in reversed(pairs)])
    assert score is not None
    assert 0 <= score <= 1
    assert turned == pytest.approx(score)
    assert metric([y for _, y in pairs], [y for _, y in pairs]) == pytest.approx(1)


@given(pairs=classes)
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    predictions, labels = zip(*pairs, strict=True)
    theirs = f1_score(labels, predictions, average="macro", zero_division=0)
    assert macro_f1(predictions, labels) == theirs


@pytest.mark.parametrize(("metric", "theirs"), [(pearson, pearsonr), (spearman, spearmanr)])
@given(pairs=st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 5)), min_size=3))
def test_a_correlation_is_scipys(
    metric: Metric, theirs: Callable[..., Any], pairs: list[tuple[float, int]]
) -> None:
    predictions, labels = zip(*pairs, strict=True)
    score = metric(predictions, labels)
    if score is not None:
        assert score == pytest.approx(theirs(predictions, labels).statistic, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("metric", CORRELATIONS)
@given(values=st.lists(st.integers(-50, 50), min_size=3, max_size=30, unique=True))
def test_a_correlation_heeds_neither_scale_nor_origin(metric: Metric, values: list[int]) -> None:
    labels = [float(value % 7) for value in values]
    score = metric(values, labels)
    moved = metric([3 * value + 10 for value in values], labels)
    negated = metric([-value for value in values], labels)
    if len(set(labels)) == 1:
        assert score is moved is negated is None
        return
    assert score is not None
    assert -1 - 1e-12 <= score <= 1 + 1e-12
    assert moved == pytest.approx(score, abs=1e-12)
    assert negated == pytest.approx(-score, abs=1e-12)
