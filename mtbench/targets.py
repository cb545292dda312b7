"""Targets: which loss, classes or range of scores, and metrics a task may have together."""

import math
from typing import Any, Literal, get_args

from mtbench.errors import unknown
from mtbench.metrics import OF_CLASSES, OF_SCORES

Loss = Literal["cross-entropy", "binary-cross-entropy", "squared-error"]


def check_target(loss: Any, metrics: Any, classes: Any, score_range: Any) -> None:
    """Make sure that a target can be trained, and scored by each of its metrics.

    The arguments are the fields of ``protocols.TaskInfo``, of whatever type their author gave.

    Raises:
        ValueError: if it cannot; the message says what was given, and what may be.
    """
    if loss not in get_args(Loss):
        raise ValueError(str(unknown("loss", str(loss), get_args(Loss))))
    of_scores = loss == "squared-error"
    if of_scores != (score_range is not None):
        raise ValueError("a task has a score_range exactly when its loss is squared-error")
    if of_scores == (classes is not None):
        raise ValueError("a task has classes exactly when its loss is a cross-entropy")
    if of_scores:
        _check_range(score_range)
    else:
        _check_classes(classes, binary=loss == "binary-cross-entropy")
    if not isinstance(metrics, tuple) or not metrics:
        raise ValueError(f"metrics are a tuple of one name or more; given: {metrics!r}")
    kind, names = ("a score", OF_SCORES) if of_scores else ("classes", OF_CLASSES)
    for name in metrics:
        if name not in tuple(names):
            raise ValueError(str(unknown(f"metric of {kind}", str(name), names)))


def _check_classes(classes: Any, *, binary: bool) -> None:
    # By type, since True counts as 1.
    if type(classes) is not int or classes < 2 or (binary and classes != 2):
        least = "2 with binary cross-entropy" if binary else "a whole number, 2 or more"
        raise ValueError(f"classes are {least}; given: {classes!r}")


def _check_range(score_range: Any) -> None:
    ends = score_range if isinstance(score_range, tuple | list) else ()
    numbers = [end for end in ends if isinstance(end, int | float) and type(end) is not bool]
    if not len(numbers) == len(ends) == 2 or not -math.inf < numbers[0] < numbers[1] < math.inf:
        raise ValueError(
            f"a score_range is two finite numbers, the lower first; given: {score_range!r}"
        )
