import math
from collections.abc import Sequence

import numpy as np
import pytest

from mtbench.comparison.differences import ScoreDifference, differences
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample

A = [[1, 1, 0, 0], [1, 0, 0, 0]]
B = [[1, 1, 1, 0], [1, 1, 1, 0]]


def task(outcomes: Sequence[Sequence[float]], metric: str = "accuracy", examples: str = "dev"):  # type: ignore[no-untyped-def]
    rows = np.array(outcomes, float)
    return TaskOutcomes(metric, examples, Sample(rows.mean(axis=1), rows))


def cell(**tasks: TaskOutcomes) -> CellOutcomes:
    return CellOutcomes("a cell", [0, 1], tasks)


def found(a: CellOutcomes, b: CellOutcomes, *, paired: bool = True) -> list[ScoreDifference]:
    tasks = [name for name in a.tasks if name in b.tasks]
    return differences(tasks, a, b, paired=paired, identical=())


def test_the_interval_is_that_of_b_minus_a() -> None:
    pd, overall = found(cell(pd=task(A)), cell(pd=task(B)))

    # d = [[0, 0, 1, 0], [0, 1, 1, 0]]: MS_seed = 1/8, MS_example = 11/24, MS_residual = 1/8.
    assert (pd.a, pd.b) == (0.375, 0.75)
    assert pd.interval is not None
    assert pd.interval.estimate == pytest.approx(0.375)
    assert pd.interval.error == pytest.approx(math.sqrt(11 / 192))
    assert pd.interval.df == pytest.approx(
        (11 / 192) ** 2 / (1 / 4096 + (11 / 192) ** 2 / 3 + 1 / 12288)
    )
    assert pd.interval.over == "seeds and examples"
    assert overall.interval == pd.interval
    assert (overall.what, overall.metric, overall.p_adjusted) == ("overall", "", None)


def test_independent_samples_have_a_wider_interval() -> None:
    (paired, _), (unpaired, _) = (
        found(cell(pd=task(A)), cell(pd=task(B)), paired=paired) for paired in (True, False)
    )
    assert paired.interval is not None
    assert unpaired.interval is not None
    assert unpaired.interval.estimate == pytest.approx(0.375)
    # MS_seed / (S E) of A alone: its seeds' means are 1/2 and 1/4; B's are equal.
    assert unpaired.interval.error**2 >= np.var([0.5, 0.25], ddof=1) / 2


def test_p_is_adjusted_over_the_tasks_and_both_are_there() -> None:
    one, other, overall = found(
        cell(pd=task(A), sst=task(A)), cell(sst=task(B), pd=task([[1, 1, 0, 1], [1, 0, 0, 1]]))
    )
    assert one.interval is not None
    assert other.interval is not None
    smaller, larger = sorted([one.interval.p, other.interval.p])
    shown = [d.p_adjusted for d in (one, other) if d.p_adjusted is not None]
    assert sorted(shown) == pytest.approx([min(1, 2 * smaller), max(min(1, 2 * smaller), larger)])
    assert overall.p_adjusted is None


def test_tasks_are_matched_by_name_and_not_by_place() -> None:
    long = task([[1, 1, 0, 0, 1], [1, 0, 0, 1, 1]])
    *_, overall = found(cell(pd=task(A), sst=long), cell(sst=long, pd=task(B)))
    assert overall.interval is not None
    assert overall.interval.estimate == pytest.approx(0.375 / 2)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"pd": task(B, examples="others")}, "other dev examples"),
        ({"pd": task(B, metric="macro_f1")}, "another metric: accuracy and macro_f1"),
        (
            {"pd": TaskOutcomes("accuracy", "dev", None)},
            "undefined for a run, or of fewer than three examples",
        ),
    ],
)
def test_what_cannot_be_compared_has_its_reason(
    other: dict[str, TaskOutcomes], reason: str
) -> None:
    pd, overall = found(cell(pd=task(A)), cell(**other))
    assert (pd.interval, pd.reason) == (None, reason)
    assert overall.interval is None
    assert overall.reason


def test_the_overall_of_other_tasks_is_shown_and_not_compared() -> None:
    pd, overall = found(cell(pd=task(A)), cell(pd=task(B), sst=task(A)))
    assert pd.interval is not None
    assert (overall.a, overall.b) == (0.375, pytest.approx((0.75 + 0.375) / 2))
    assert (overall.interval, overall.reason) == (None, "not of the same tasks")
