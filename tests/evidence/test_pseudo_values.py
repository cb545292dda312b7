from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.evidence.pseudo_values import PSEUDO_VALUES, pseudo_values
from mtbench.evidence.statistics import Sample, interval
from mtbench.metrics import METRICS

CORRELATIONS = ("pearson", "spearman")


def jackknife(metric: str, predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the pseudo-values by their definition, leaving out one example after the other."""
    compute: Callable[..., float | None] = METRICS[metric]
    n = len(labels)
    whole = compute(predictions, labels)
    left = [compute(np.delete(predictions, e), np.delete(labels, e)) for e in range(n)]
    return np.array([n * whole - (n - 1) * value for value in left])


def test_every_metric_has_pseudo_values() -> None:
    assert list(PSEUDO_VALUES) == list(METRICS)


@pytest.mark.parametrize("metric", METRICS)
def test_they_are_what_leaving_out_one_example_each_gives(metric: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 60).astype(float)  # with ties, as labels have them
    predictions = np.round(labels + rng.normal(0, 1.5, 60))

    values = pseudo_values(metric, predictions, labels)

    assert values is not None
    assert values == pytest.approx(jackknife(metric, predictions, labels), abs=1e-9)


@given(
    st.lists(
        st.tuples(st.floats(-5, 5, width=32), st.sampled_from((0.0, 1.0, 2.5, 5.0))),
        min_size=4,
        max_size=12,
    )
)
def test_correlations_are_defined_for_what_is_not_constant(
    pairs: list[tuple[float, float]],
) -> None:
    predictions, labels = np.array(pairs).T
    for metric in CORRELATIONS:
        values = pseudo_values(metric, predictions, labels)
        assert values is None or np.isfinite(values).all()


def test_of_an_accuracy_they_are_the_examples_own() -> None:
    values = pseudo_values("accuracy", np.array([0.0, 2.0, 2.0]), np.array([0.0, 1.0, 2.0]))

    assert values is not None
    assert values.tolist() == [1.0, 0.0, 1.0]


def test_pearson_by_hand() -> None:
    # Without the first example the labels are constant, and r is undefined.
    assert pseudo_values("pearson", np.array([0.0, 1, 2, 0]), np.array([0.0, 1, 1, 1])) is None
    # x = y = (0, 0, 1, 1): r is 1 whoever is left out, so every pseudo-value is 1.
    line = np.array([0.0, 0.0, 1.0, 1.0])
    assert pseudo_values("pearson", line, line) == pytest.approx(np.ones(4))
    # Of (0, 0), (0, 1), (1, 0), (1, 1) r is 0. Without (0, 0) or (1, 1) it is -1/2, which gives
    # 4 * 0 - 3 * -1/2 = 3/2; without one of the others 1/2, which gives -3/2.
    values = pseudo_values("pearson", line, np.array([0.0, 1.0, 0.0, 1.0]))
    assert values == pytest.approx([1.5, -1.5, -1.5, 1.5])


def test_macro_f1_by_hand() -> None:
    # Each class has one hit, and three labels and predictions: F1 is 2/3 of both. Without the
    # first example F1 is 0 and 2/3, which gives 3 * 2/3 - 2 * 1/3; so without the last. Without
    # the one in the middle all is right, which gives 3 * 2/3 - 2 * 1.
    values = pseudo_values("macro_f1", np.array([0.0, 1, 1]), np.array([0.0, 0, 1]))
    assert values == pytest.approx([4 / 3, 0, 4 / 3])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=9))
def test_macro_f1_of_classes_that_go_with_an_example(pairs: list[tuple[int, int]]) -> None:
    predictions, labels = np.array(pairs, float).T
    values = pseudo_values("macro_f1", predictions, labels)
    assert values == pytest.approx(jackknife("macro_f1", predictions, labels), abs=1e-9)


@pytest.mark.parametrize("metric", CORRELATIONS)
@pytest.mark.parametrize("side", [0, 1])
def test_a_constant_side_has_none(metric: str, side: int) -> None:
    sides = [np.arange(5.0), np.arange(5.0)]
    sides[side] = np.ones(5)

    assert pseudo_values(metric, *sides) is None


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("side", [0, 1])
def test_a_scale_moves_no_pseudo_value_of_pearson(side: int, scale: float) -> None:
    """Nor what counts as rounding, where one example alone makes a side vary."""
    sides = [np.arange(7.0), np.array([0.1, 0.4, 0.2, 0.7, 0.3, 0.3, 0.9])]
    scaled = [scale * values if i == side else values for i, values in enumerate(sides)]
    assert pseudo_values("pearson", *scaled) == pytest.approx(pseudo_values("pearson", *sides))

    scaled[side] = scale * np.where(np.arange(7) == 3, 0.7, 0.1)
    assert pseudo_values("pearson", *scaled) is None


@pytest.mark.parametrize("metric", METRICS)
def test_two_examples_have_none(metric: str) -> None:
    assert pseudo_values(metric, np.array([0.0, 1.0]), np.array([0.0, 1.0])) is None


@pytest.mark.parametrize("metric", CORRELATIONS)
def test_their_mean_is_the_metric_but_for_a_small_bias(metric: str) -> None:
    rng = np.random.default_rng(1)
    labels = rng.normal(size=800)
    predictions = labels + rng.normal(size=800)

    values = pseudo_values(metric, predictions, labels)

    assert values is not None
    score = METRICS[metric](predictions.tolist(), labels.tolist())
    assert values.mean() == pytest.approx(score, abs=1e-3)
    # Fisher's standard error of r is (1 - r^2) / sqrt(n), about 0.018 here.
    if metric == "pearson":
        assert values.std(ddof=1) / 800**0.5 == pytest.approx((1 - score**2) / 800**0.5, rel=0.1)


@pytest.mark.parametrize("truth", [0.0, 0.8])
def test_an_interval_of_them_holds_the_true_correlation(truth: float) -> None:
    """Of 400 samples of a bivariate normal distribution, 92 % or more."""
    rng = np.random.default_rng(7)
    held = []
    for _ in range(400):
        labels, noise = rng.standard_normal((2, 200))
        predicted = truth * labels + (1 - truth**2) ** 0.5 * noise
        values = pseudo_values("pearson", predicted, labels)
        assert values is not None
        score = np.array([np.corrcoef(predicted, labels)[0, 1]])
        found = interval([Sample(score, values[None])])
        assert found is not None
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.92


def test_differences_of_two_seeded_cells_hold_the_truth() -> None:
    """Crossed with seeds that are better or worse, over which the correlation differs."""
    rng = np.random.default_rng(8)
    held = []
    for _ in range(150):
        labels, common = rng.standard_normal((2, 200))
        cells = []
        for _ in range(2):
            rows = []
            for _ in range(5):
                noise = np.exp(0.1 * rng.standard_normal()) * rng.standard_normal(200)
                rows.append(pseudo_values("pearson", labels + 0.5 * common + 0.5 * noise, labels))
            made = np.array(rows, float)
            cells.append(Sample(made.mean(axis=1), made))
        found = interval([cells[0] - cells[1]])
        assert found is not None
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) >= 0.9
