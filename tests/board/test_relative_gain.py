from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from mtbench.board.relative_gain import SMALLEST, delta_m, single_task_cells
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample

Rows = Sequence[Sequence[float]]


def cell(
    name: str, tasks: Mapping[str, Rows], examples: str = "dev", seeds: Sequence[int] = (0, 1)
) -> CellOutcomes:
    found = {}
    for task, rows in tasks.items():
        outcomes = np.array(rows)
        sample = Sample(outcomes.mean(axis=1), outcomes)
        found[task] = TaskOutcomes("accuracy", examples, sample)
    return CellOutcomes(name, seeds, found)


A = cell("only a", {"a": [[1, 1, 0, 1, 1, 1, 1, 1], [1, 1, 1, 0, 1, 1, 1, 1]]})
B = cell("only b", {"b": [[0, 1, 1, 1, 1, 1, 1, 1]] * 2})
JOINT = cell("joint", {"a": [[1] * 8, [1] * 8], "b": [[0, 0, 1, 1, 1, 1, 1, 1]] * 2})
SINGLES = {"a": A, "b": B}


def test_the_first_cell_that_trains_a_task_alone_is_its_baseline() -> None:
    rows = [[1.0, 1.0, 1.0, 0.0] * 30, [1.0, 1.0, 0.0, 1.0] * 30]
    a, b, again = (cell(name, {name[-1]: rows}) for name in ("only a", "only b", "again a"))

    found = single_task_cells(
        ["a", "b"], [JOINT, a, None, b, again], [{"a", "b"}, {"a"}, {"b"}, {"b"}, {"a"}]
    )

    assert (found.refusal, found.cells) == ("", {"a": a, "b": b})


@pytest.mark.parametrize(
    ("cells", "trained", "refusal"),
    [
        ([JOINT], [{"a", "b"}], "no cell trains one task alone"),
        ([JOINT, A], [{"a", "b"}, {"a"}], "no cell trains b alone"),
    ],
)
def test_without_a_baseline_of_every_task_delta_m_is_refused(
    cells: Sequence[CellOutcomes], trained: Sequence[set[str]], refusal: str
) -> None:
    found = single_task_cells(["a", "b"], cells, trained)

    assert (found.cells, found.refusal) == ({}, refusal)


def test_of_one_task_there_is_nothing_to_gain() -> None:
    found = single_task_cells(["a"], [A], [{"a"}])

    assert (found.cells, found.refusal) == ({}, "there is one task")


def test_nothing_is_taken_relative_to_a_score_near_0() -> None:
    rare = [[1.0] + [0.0] * 99, [0.0] * 98 + [1.0, 0.0]]
    unsure = [[1.0, 0.0, -0.8, 0.6]] * 2

    for rows in (rare, unsure):
        weak = cell("weak", {"a": rows})
        found = single_task_cells(["a", "b"], [weak, B], [{"a"}, {"b"}])

        assert found.cells == {}
        assert found.refusal.startswith("a trained alone (weak) scores 0.")
    assert np.mean(unsure) > SMALLEST


@pytest.mark.parametrize(("score", "refused"), [(0.049, True), (0.051, False)])
def test_a_small_score_is_refused_however_sure_it_is(score: float, refused: bool) -> None:
    weak = cell("weak", {"a": [[score] * 100] * 2})
    sure = cell("sure", {"b": [[0.5] * 100] * 2})

    found = single_task_cells(["a", "b"], [weak, sure], [{"a"}, {"b"}])

    assert found.refusal.startswith("a trained alone (weak) scores 0.049") == refused
    assert bool(found.cells) != refused


def test_a_cell_that_left_one_of_its_tasks_untrained_has_no_delta_m() -> None:
    rows = [[1.0, 0.0, 1.0, 1.0]] * 2
    three = cell("three", dict.fromkeys("abc", rows))
    singles = {task: cell(task, {task: rows}) for task in "abc"}

    assert delta_m(three, {*"ab"}, singles) is None
    assert delta_m(three, {*"abc"}, singles) is not None


def test_delta_m_is_the_mean_relative_change_in_percent() -> None:
    found = delta_m(JOINT, {"a", "b"}, SINGLES)

    # a: from 7/8 to 8/8, +1/7; b: from 7/8 to 6/8, -1/7.
    assert found is not None
    assert found.estimate == pytest.approx(0, abs=1e-12)
    assert (found.seeds, found.examples) == (2, 16)


def test_its_error_is_that_of_the_linear_part() -> None:
    one = cell("one", {"a": [[1.0, 0.0, 0.0, 1.0]]}, seeds=[0])
    other = cell("other", {"a": [[1.0, 1.0, 1.0, 1.0]], "b": [[1.0, 0.0]]}, seeds=[0])
    base = cell("b", {"b": [[1.0, 1.0]]}, seeds=[0])

    found = delta_m(other, {"a", "b"}, {"a": one, "b": base})

    # a: M / B = 2, so an example adds 100 (m - 2 b) / .5, which is -200, 200, 200, -200, with the
    # variance 160000 / 3; b: 100 m - 50, with 5000. Each task has half a share, 1 seed.
    assert found is not None
    assert found.estimate == pytest.approx((100 - 50) / 2)
    assert found.error**2 == pytest.approx((160000 / 3 / 4 + 5000 / 2) / 4)


def test_a_baseline_against_itself_is_no_gain() -> None:
    both = cell(
        "both", {"a": A.tasks["a"].sample.outcomes.tolist(), "b": [[0, 1, 1, 1, 1, 1, 1, 1]] * 2}
    )

    found = delta_m(both, {"a", "b"}, SINGLES)

    assert found is not None
    assert (found.estimate, found.error) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize(
    ("one", "trained"),
    [
        (None, set()),
        (JOINT, {"a"}),  # a cell that trained one task, or not all of its own
        (A, {"a"}),
        (cell("other dev", {"a": [[1, 0]] * 2, "b": [[1, 0]] * 2}, "other"), {"a", "b"}),
        (
            cell("other seeds", {"a": [[1] * 8] * 2, "b": [[1] * 8] * 2}, seeds=(2, 3)),
            {"a", "b"},
        ),
    ],
)
def test_cells_without_delta_m(one: CellOutcomes | None, trained: set[str]) -> None:
    assert delta_m(one, trained, SINGLES) is None
    assert delta_m(JOINT, {"a", "b"}, {}) is None


def test_its_interval_covers_the_truth() -> None:
    generator = np.random.default_rng(0)

    def drawn(name: str, rate: float) -> CellOutcomes:
        """Return runs with a seed effect and a difficulty that examples have in all cells."""
        seeds = generator.normal(0, 0.02, (3, 1))
        rows = (generator.random((3, 400)) < rate + seeds + ease).astype(float)
        return cell(name, {"a": rows.tolist(), "b": rows.tolist()}, seeds=(0, 1, 2))

    covered = 0
    for _ in range(200):
        ease = generator.uniform(-0.2, 0.2, 400)
        base = drawn("base", 0.5)
        found = delta_m(drawn("cell", 0.6), {"a", "b"}, {"a": base, "b": base})
        assert found is not None
        covered += found.low <= 20 <= found.high
    assert covered >= 180
