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

Array = NDArray[np.float64]

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
    whole = _of_ranks(_ranks(predictions), _ranks(labels))
    if whole is None:
        return None
    n = len(labels)
    given = [(_ranks(predictions), predictions), (_ranks(labels), labels)]
    values = np.empty(n)
    keep = np.ones(n, dtype=bool)
    for e in range(n):
        keep[e] = False
        # A rank falls by 1 where the example left out was below, by 1/2 where it was equal.
        x, y = ((ranks - (of > of[e]) - 0.5 * (of == of[e]))[keep] for ranks, of in given)
        keep[e] = True
        if (without := _of_ranks(x, y)) is None:
            return None
        values[e] = n * whole - (n - 1) * without
    return values


def _ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), float)


def _of_ranks(x: Array, y: Array) -> float | None:
    """Return Pearson's correlation of ranks; None where all are equal."""
    xx, yy, xy = _sums(x - x.mean(), y - y.mean())
    return xy / math.sqrt(xx * yy) if xx > 0 and yy > 0 else None


def _macro_f1(predictions: Array, labels: Array) -> Array | None:
    """Return those of macro-F1, one for each pair of a label and a prediction that occurs."""
    from mtbench.metrics import macro_f1

    n = len(labels)
    _, first, place = np.unique(
        np.stack([predictions, labels]), axis=1, return_index=True, return_inverse=True
    )
    whole = macro_f1(predictions.tolist(), labels.tolist())
    without = [
        macro_f1(np.delete(predictions, e).tolist(), np.delete(labels, e).tolist()) for e in first
    ]
    if whole is None or any(value is None for value in without):
        return None
    left = np.array(without, float)[place.reshape(-1)]
    values: Array = n * whole - (n - 1) * left
    return values


PSEUDO_VALUES: Mapping[str, Callable[[Array, Array], Array | None]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "pearson": _pearson,
    "spearman": _spearman,
}
