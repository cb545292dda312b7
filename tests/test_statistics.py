import numpy as np
import pytest

from mtbench.statistics import Sample, holm, interval


def sample(outcomes: list[list[float]]) -> Sample:
    array = np.array(outcomes, float)
    return Sample(array.mean(axis=1), array)


def test_an_interval_by_hand() -> None:
    # Rows 1, 2, 3 and 3, 2, 1 plus 6: row means 2 and 8, columns 5, 5, 5.
    # MS_seed = 3 * 18 = 54, MS_example = 0, MS_residual = 2, so V = 54 / 6 = 9.
    found = interval([sample([[1, 2, 3], [9, 8, 7]])])

    assert found is not None
    assert (found.estimate, found.error, found.df) == pytest.approx((5, 3, 1))
    # t(0.975, 1) = 12.706.
    assert (found.low, found.high) == pytest.approx((5 - 38.119, 5 + 38.119), abs=1e-2)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
