import math
from typing import Any

import pytest

from mtbench.metrics import METRICS, OF_CLASSES, OF_SCORES
from mtbench.protocols import TaskInfo
from mtbench.targets import check_target

CLASSES = {"loss": "cross-entropy", "metrics": ("accuracy",), "classes": 3, "score_range": None}
BINARY = {**CLASSES, "loss": "binary-cross-entropy", "classes": 2}
SCORE = {"loss": "squared-error", "metrics": ("pearson",), "classes": None, "score_range": (0, 1)}


@pytest.mark.parametrize(
    "target",
    [
        CLASSES,
        BINARY,
        SCORE,
        {**CLASSES, "classes": 2, "metrics": ("macro_f1", "accuracy")},
        {**SCORE, "score_range": (-1.0, 1), "metrics": ("spearman", "pearson")},
    ],
)
def test_targets_that_can_be_trained_and_scored(target: dict[str, Any]) -> None:
    check_target(**target)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({**CLASSES, "loss": "cross_entropy"}, "unknown loss 'cross_entropy'; did you mean 'cros"),
        ({**SCORE, "loss": "mse"}, r"unknown loss 'mse' \(known: binary-cross-entropy, cross-ent"),
        ({**CLASSES, "loss": None}, "unknown loss 'None'"),
        ({**CLASSES, "loss": ["cross-entropy"]}, "unknown loss"),
        *(
            ({**CLASSES, "classes": classes}, "^classes are a whole number, 2 or more; given: ")
            for classes in (True, 1, 0, -2, 2.0, "2")
        ),
        *(
            ({**BINARY, "classes": classes}, "^classes are 2 with binary cross-entropy; given: ")
            for classes in (3, 1, True)
        ),
        *(
            ({**SCORE, "score_range": ends}, "^a score_range is two finite numbers, the lower fi")
            for ends in (
                (1, 0),
                (1, 1),
                (0, math.inf),
                (math.nan, 1),
                (False, True),
                (0,),
                (0, 1, 2),
                ("0", "1"),
                5,
                "05",
                (0, None),
            )
        ),
        ({**CLASSES, "metrics": ()}, r"^metrics are a tuple of one name or more; given: \(\)$"),
        ({**CLASSES, "metrics": "accuracy"}, "^metrics are a tuple of .*; given: 'accuracy'$"),
        ({**CLASSES, "metrics": ("acc",)}, r"^unknown metric of classes 'acc' .*accuracy, macro"),
        ({**CLASSES, "metrics": ("accuracy", "macro-f1")}, "did you mean 'macro_f1'"),
        ({**CLASSES, "metrics": (None,)}, "^unknown metric of classes 'None'"),
        ({**CLASSES, "metrics": (["accuracy"],)}, "^unknown metric of classes"),
        ({**CLASSES, "metrics": ("pearson",)}, "^unknown metric of classes 'pearson'"),
        (
            {**SCORE, "metrics": ("accuracy",)},
            r"^unknown metric of a score 'accuracy' \(known: p",
        ),
    ],
)
def test_targets_that_cannot(target: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        check_target(**target)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=message):
        TaskInfo(sentences=1, **target)


def test_every_metric_is_of_classes_or_of_scores() -> None:
    assert {*OF_CLASSES} | {*OF_SCORES} == {*METRICS}
    assert {*OF_CLASSES} & {*OF_SCORES} == set()
