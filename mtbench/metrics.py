"""Metrics of a task: predictions and labels to one number, or None where it is undefined.

Every function takes two sequences of equal length n, predictions first, and returns a float;
larger is better. They are scikit-learn's and scipy's to the bit, without these: importing one of
them takes a second, which every run would pay. numpy is imported when a metric is computed,
because the command line imports this module to check names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = Sequence[float]

ROUNDING = 1e-6
"""Predictions come from float32: a spread below this share of their size is no spread."""


def accuracy(predictions: Values, labels: Values) -> float | None:
    """Return the share of predictions that equal their label, in [0, 1]."""
    if not len(labels):
        return None
    return sum(p == y for p, y in zip(predictions, labels, strict=True)) / len(labels)


def macro_f1(predictions: Values, labels: Values) -> float | None:
    """Return the mean over classes of the F1 score, in [0, 1].

    The classes are those that occur among the labels or the predictions; a class that is never
    predicted counts as 0. F1 of a class is 2 h / (p + y), of its hits h, predictions p and
    labels y.
    """
    import numpy as np

    if not len(labels):
        return None
    both = np.array([labels, predictions], float)
    classes, places = np.unique(both, return_inverse=True)
    label, predicted = places.reshape(both.shape)
    hits = np.bincount(label[label == predicted], minlength=len(classes))
    return float(np.mean(2 * hits / np.bincount(places.reshape(-1))))


def pearson(predictions: Values, labels: Values) -> float | None:
    """Return Pearson's correlation, in [-1, 1]; None when either side is constant."""
    import numpy as np

    if _constant(predictions) or _constant(labels):
        return None
    x, y = (_deviations(np.asarray(side, float)) for side in (predictions, labels))
    return float(np.clip(np.vecdot(x, y), -1, 1))


def _deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deviations from the mean, of length 1; none of their squares overflows."""
    import numpy as np

    deviations = values - values.mean()
    largest = np.abs(deviations).max()
    unit: NDArray[np.float64] = deviations / (
        largest * np.linalg.vector_norm(deviations / largest)
    )
    return unit


def spearman(predictions: Values, labels: Values) -> float | None:
    """Return Spearman's rank correlation, in [-1, 1]; None when either side is constant."""
    import numpy as np

    if _constant(predictions) or _constant(labels):
        return None
    both = np.column_stack([ranks(predictions), ranks(labels)])
    return float(np.asarray(np.corrcoef(both, rowvar=False))[1, 0])


def ranks(values: Values | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value (n,), from 1; equal ones share the mean of theirs."""
    import numpy as np

    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    shared: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return shared[place]


def _constant(values: Values) -> bool:
    """Whether the values are too few, or equal but for float32 rounding."""
    if len(values) < 2:
        return True
    low, high = min(values), max(values)
    return bool(high - low <= ROUNDING * max(abs(low), abs(high)))


Metric = Callable[[Values, Values], float | None]

OF_CLASSES: Mapping[str, Metric] = {"accuracy": accuracy, "macro_f1": macro_f1}
OF_SCORES: Mapping[str, Metric] = {"pearson": pearson, "spearman": spearman}
METRICS = {**OF_CLASSES, **OF_SCORES}

UP = "↑"
"""Direction of every metric, as headings have it: larger is better."""
