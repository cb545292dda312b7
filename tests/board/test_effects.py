import numpy as np
import pytest

from mtbench.board.effects import effects
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample


def cell(*rows: list[float]) -> CellOutcomes:
    """Return a cell of one task, a row a seed."""
    outcomes = np.array(rows)
    sample = Sample(outcomes.mean(axis=1), outcomes)
    return CellOutcomes("", list(range(len(rows))), {"a": TaskOutcomes("m", "dev", sample)})


GRID = [{"x": x, "y": y} for x in ("p", "q") for y in ("1", "2", "3")]


def constant(value: float) -> CellOutcomes:
    return cell([value, value + 0.2, value], [value + 0.2, value, value])


CELLS = [constant(value) for value in (0.1, 0.2, 0.3, 0.5, 0.6, 0.7)]


def test_effects_are_means_over_the_other_axes() -> None:
    found = effects(GRID, CELLS, [True] * 6)

    assert [(effect.axis, effect.level) for effect in found] == [
        *(("x", level) for level in "pq"),
        *(("y", level) for level in "123"),
    ]
    # In every run one example of three is .2 above the cell's value.
    means = [effect.mean for effect in found]
    more = 0.2 / 3
    assert means == pytest.approx([0.2 + more, 0.6 + more, *(v + more for v in (0.3, 0.4, 0.5))])
    differences = [effect.difference and effect.difference.estimate for effect in found]
    assert differences == [
        None,
        *map(pytest.approx, (0.4,)),
        None,
        *map(pytest.approx, (0.1, 0.2)),
    ]
    assert {effect.matched for effect in found if effect.axis == "x"} == {3}


def test_the_interval_of_an_effect_is_that_of_the_averaged_outcomes() -> None:
    # q minus p is 1, 0, 0 and 1, 1, 0 at the first level of y, and nothing at the second.
    cells = [
        cell([0, 0, 0], [0, 0, 0]),
        cell([1, 0, 1], [1, 1, 0]),
        cell([1, 0, 0], [1, 1, 0]),
        cell([1, 0, 1], [1, 1, 0]),
    ]
    grid = [{"x": x, "y": y} for x in ("p", "q") for y in ("1", "2")]

    _, found, *_ = effects(grid, cells, [True] * 4)

    assert found.difference is not None
    # Averaged .5, 0, 0 and .5, .5, 0: MS_seed / 6 = 1/144 = MS_residual / 6, and MS_example / 6,
    # the variance of .5, .25 and 0 over 3, is 1/48.
    assert found.difference.estimate == pytest.approx(0.25)
    assert found.difference.error**2 == pytest.approx(1 / 48)
    assert (found.mean, found.matched) == (pytest.approx(7 / 12), 2)


def test_a_cell_without_scores_takes_its_partner_along() -> None:
    found = effects(GRID, [None, *CELLS[1:]], [False, *[True] * 5])
    x_p, x_q, y_1, y_2, y_3 = found

    assert (x_p.matched, x_p.cells, x_q.matched, x_q.cells) == (2, 3, 2, 3)
    assert x_p.mean == pytest.approx(0.25 + 0.2 / 3)
    assert [(one.matched, one.cells) for one in (y_1, y_2, y_3)] == [(1, 2)] * 3
    assert y_3.difference is not None
    assert y_3.difference.estimate == pytest.approx(0.2)


def test_the_first_level_has_the_mean_of_its_matched_cells() -> None:
    cells = [*CELLS[:3], None, *CELLS[4:]]

    first, second, *_ = effects(GRID, cells, [True] * 6)

    # Of .1, .2 and .3 the first has no partner.
    assert (first.matched, second.matched) == (2, 2)
    assert first.mean == pytest.approx(0.25 + 0.2 / 3)


def test_levels_that_share_no_combination_have_no_difference() -> None:
    found = effects(GRID[:3], [*CELLS[:2], None], [True, True, True])

    assert [(one.level, one.matched) for one in found] == [("1", 1), ("2", 1), ("3", 0)]
    assert (found[2].mean, found[2].difference, found[2].p) == (None, None, None)


def test_an_axis_without_any_pair_is_left_out() -> None:
    assert effects(GRID[:2], [CELLS[0], None], [True, True]) == []


def test_all_axes_are_one_family() -> None:
    noisy = np.random.default_rng(0).random((6, 2, 5))
    found = effects(GRID, [cell(*rows.tolist()) for rows in noisy], [True] * 6)

    raw = sorted(one.difference.p for one in found if one.difference is not None)
    adjusted = sorted(one.p for one in found if one.p is not None)
    assert len(raw) == 3
    assert adjusted[0] == pytest.approx(min(1, 3 * raw[0]))


def test_one_seed_is_not_tested() -> None:
    single = [cell([float(value), 0.0, 1.0]) for value in range(6)]

    assert {one.p for one in effects(GRID, single, [True] * 6)} == {None}


def test_cells_that_are_no_grid_have_no_effects() -> None:
    assert effects([{}, {}], CELLS[:2], [True, True]) == []
    assert effects([{"x": "p"}, {"x": "q", "y": "1"}], CELLS[:2], [True, True]) == []
    assert effects([], [], []) == []
    assert effects([{"x": "p"}], CELLS[:1], [True]) == []


def test_what_has_no_runs_may_be_of_another_kind() -> None:
    found = effects([{"x": "p"}, {"x": "q"}, {}], [*CELLS[:2], None], [True, True, False])

    assert [one.level for one in found] == ["p", "q"]


def test_tasks_are_told_by_name_and_not_by_place() -> None:
    def of(*tasks: tuple[str, float, int]) -> CellOutcomes:
        samples = {
            name: Sample(np.full(2, value), np.full((2, examples), value))
            for name, value, examples in tasks
        }
        return CellOutcomes(
            "", [0, 1], {name: TaskOutcomes("m", name, sample) for name, sample in samples.items()}
        )

    _, found = effects(
        [{"x": "p"}, {"x": "q"}],
        [of(("a", 0.1, 3), ("b", 0.4, 5)), of(("b", 0.5, 5), ("a", 0.3, 3))],
        [True, True],
    )

    assert found.difference is not None
    assert found.difference.estimate == pytest.approx((0.2 + 0.1) / 2)
    assert found.difference.examples == 8
