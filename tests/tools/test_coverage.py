import numpy as np
import pytest

from tools.coverage import (
    accuracies,
    alarms,
    bootstrap,
    correlations,
    coverage_table,
    methods_table,
    overall_table,
    paired,
    sign_flips,
)


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_simulated_accuracies_have_level_and_spread(level: float) -> None:
    a, b = accuracies(np.random.default_rng(0), 400, 2000, 0.02, level)

    for cell in (a, b):
        assert cell.scores.mean() == pytest.approx(level, abs=0.03)
        assert cell.scores.std() == pytest.approx(0.0215, abs=0.004)  # with that of examples


def test_simulated_correlations_have_level_and_spread() -> None:
    a, b = correlations(np.random.default_rng(0), 100, 2000, 0.03)

    for cell in (a, b):
        assert cell.scores.mean() == pytest.approx(0.8, abs=0.04)
        assert cell.scores.std() == pytest.approx(0.03, abs=0.01)
        assert cell.outcomes.mean(axis=1) == pytest.approx(cell.scores, abs=1e-2)


def test_resampling_finds_a_difference_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    alike = np.tile([[1.0, -1.0, 0.0]], (3, 50))
    for differences, found in ((alike, False), (alike + 0.5, True)):
        assert sign_flips(rng, differences) is found
        assert bootstrap(rng, differences, seeds=False) is found
        assert bootstrap(rng, differences, seeds=True) is found


def test_alarms_are_intervals_without_nought() -> None:
    simulate = [lambda rng: accuracies(rng, 3, 50, 0.0, 0.5)]

    assert alarms(list(paired(simulate, np.random.default_rng(0), 40))) <= 0.15


def test_the_tables_have_a_line_for_each_case() -> None:
    assert len(list(coverage_table(2, (2, 3), (20, 30)))) == 2 + 2 * 4
    assert len(list(overall_table(2, (2,), 20))) == 2 + 4
    assert len(list(methods_table(2, (2, 3), 50, 0.01))) == 2 + 2
