"""Pseudo-values: what each example contributes to a metric of a whole split.

The jackknife's pseudo-value of example e is n m - (n - 1) m_e, with the metric m of all n examples
and m_e of all but e (Tukey 1958, Bias and Confidence in Not-Quite Large Samples). Of an accuracy
these are the examples' own 0 and 1; their mean is the metric, up to a bias of order 1 / n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from mtbench.evidence.statistics import Array
from mtbench.metrics import ranks

SMALLEST = 1e-12
"""Share of a variance that must be left without an example, or its pseudo-value is undefined."""


def pseudo_values(metric: str, predictions: Array, labels: Array) -> Array | None:
    """Return the pseudo-values of a metric.

    Args:
        metric: one of ``metrics.METRICS``.
        predictions: (n,).
        labels: (n,).

    Returns:
        (n,), or None where the metric is undefined, of all examples or of all but one.
    """
    if len(labels) < 3:
        return None
    values: Array | None = PSEUDO_VALUES[metric](
        np.asarray(predictions, float), np.asarray(labels, float)
    )
    return values


def _accuracy(predictions: Array, labels: Array) -> Array | None:
    return np.equal(predictions, labels).astype(float)


def _pearson(predictions: Array, labels: Array) -> Array | None:
    """Return those of Pearson's correlation, from sums that leave out one example each."""
    n = len(labels)
    x, y = predictions - predictions.mean(), labels - labels.mean()
    xx, yy, xy = _sums(x, y)
    if xx <= 0 or yy <= 0:
        return None
    # Without example e the means move by -x[e] / (n - 1), and the sums of squares with them.
    less = n / (n - 1)
    xx_left, yy_left = xx - less * np.square(x), yy - less * np.square(y)
    if xx_left.min() <= SMALLEST * xx or yy_left.min() <= SMALLEST * yy:
        return None
    without = (xy - less * x * y) / np.sqrt(xx_left * yy_left)
    values: Array = n * (xy / math.sqrt(xx * yy)) - (n - 1) * without
    return values


def _sums(x: Array, y: Array) -> tuple[float, float, float]:
    return float(x @ x), float(y @ y), float(x @ y)


def _spearman(predictions: Array, labels: Array) -> Array | None:
    """Return those of Spearman's correlation: Pearson's, of the ranks among all but one."""
    whole = _of_ranks(ranks(predictions), ranks(labels))
    if whole is None:
        return None
    n = len(labels)
    ranked = [(ranks(predictions), predictions), (ranks(labels), labels)]
    values = np.empty(n)
    keep = np.ones(n, dtype=bool)
    for e in range(n):
        keep[e] = False
        # A rank falls by 1 where the example left out was below, by 1/2 where it was equal.
        x, y = ((places - (of > of[e]) - 0.5 * (of == of[e]))[keep] for places, of in ranked)
        keep[e] = True
        if (without := _of_ranks(x, y)) is None:
            return None
        values[e] = n * whole - (n - 1) * without
    return values


def _of_ranks(x: Array, y: Array) -> float | None:
    """Return Pearson's correlation of ranks; None where all are equal."""
    xx, yy, xy = _sums(x - x.mean(), y - y.mean())
    return xy / math.sqrt(xx * yy) if xx > 0 and yy > 0 else None


def _macro_f1(predictions: Array, labels: Array) -> Array | None:
    """Return those of macro-F1, from the counts of each class less those of one example.

    F1 of a class is 2 h / (p + y), of its hits h, predictions p and labels y; leaving out an
    example changes that of its label and of its prediction, and perhaps how many classes occur.
    """
    n = len(labels)
    classes, place = np.unique(np.concatenate([predictions, labels]), return_inverse=True)
    predicted, label = place.reshape(2, n)
    hit = predicted == label
    hits = np.bincount(label[hit], minlength=len(classes))
    marks = np.bincount(place.reshape(-1), minlength=len(classes))  # p + y of each class
    scores = 2 * hits / marks

    def change(of: NDArray[np.intp], less: NDArray[np.intp]) -> tuple[Array, NDArray[np.intp]]:
        """Return by how much F1 of a class changes, and the classes go, without an example."""
        left = marks[of] - less
        new = 2 * (hits[of] - hit) / np.maximum(left, 1)
        return new - scores[of], (left == 0).astype(np.intp)

    of_label, label_goes = change(label, 1 + hit)
    of_predicted, predicted_goes = change(predicted, 1 + hit)
    total = scores.sum() + of_label + np.where(hit, 0, of_predicted)
    count = len(classes) - label_goes - np.where(hit, 0, predicted_goes)
    values: Array = n * scores.mean() - (n - 1) * total / count
    return values


PSEUDO_VALUES: Mapping[str, Callable[[Array, Array], Array | None]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "pearson": _pearson,
    "spearman": _spearman,
}
