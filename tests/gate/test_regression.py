"""Verdicts on simulated cells: seeds and examples crossed, each with an effect of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import ALPHA, Sample
from mtbench.gate.baseline import Measured
from mtbench.gate.regression import compare, unfit_seeds
from mtbench.gate.verdicts import Comparison
from mtbench.matrix.gating import Gate

SEEDS, EXAMPLES, SEED_SD = 5, 10_000, 0.01
TRIALS = 200


def cell(tasks: Mapping[str, Sample | None], seeds: Sequence[int] | None = None) -> Measured:
    """Return a measured cell; its seeds are 0, 1, ... where none are given."""
    count = next(len(sample.scores) for sample in tasks.values() if sample)
    made = {name: TaskOutcomes("accuracy", f"dev of {name}", s) for name, s in tasks.items()}
    return Measured(CellOutcomes("a cell", seeds or list(range(count)), made), [], {})


def scored(*rows: Sequence[float]) -> Sample:
    outcomes = np.array(rows, float)
    return Sample(outcomes.mean(axis=1), outcomes)


def verdict(now: Measured, then: Measured, gate: Gate, alpha: float = ALPHA) -> Comparison:
    (found,) = compare({"a cell": now}, {"a cell": then}, gate, alpha)
    return found


# --- simulated --------------------------------------------------------------------------------


class Task:
    """A task's dev set: examples, each with the chance at which a cell gets it right."""

    def __init__(self, generator: np.random.Generator, accuracy: float = 0.8) -> None:
        self.generator = generator
        self.chances = np.clip(accuracy + 0.15 * generator.standard_normal(EXAMPLES), 0.05, 0.9)

    def train(self, drop: float = 0.0, seeds: int = SEEDS) -> Sample:
        """Return the outcomes of runs, each with a seed's effect and luck of its own."""
        effects = SEED_SD * self.generator.standard_normal((seeds, 1))
        chances = np.clip(self.chances + effects - drop, 0, 1)
        outcomes = (self.generator.random((seeds, EXAMPLES)) < chances).astype(float)
        return Sample(outcomes.mean(axis=1), outcomes)


def count_regressed(metrics: Sequence[str], drop: float = 0.0, tolerance: float = 0.0) -> int:
    """Return in how many trials some gated metric is called regressed."""
    generator = np.random.default_rng(2026)
    gate = Gate(metrics=list(metrics), tolerance=tolerance)
    found = 0
    for _ in range(TRIALS):
        tasks = {name: Task(generator) for name in ("sst", "pd")}
        then = cell({name: task.train() for name, task in tasks.items()})
        now = cell({name: task.train(drop * (name == "sst")) for name, task in tasks.items()})
        verdicts = compare({"a cell": now}, {"a cell": then}, gate)
        found += any(one.verdict == "regressed" for one in verdicts)
    return found


@pytest.mark.parametrize("metrics", [["overall"], ["sst"], ["sst", "pd", "overall"]])
def test_the_same_cell_is_seldom_called_regressed(metrics: list[str]) -> None:
    assert count_regressed(metrics) <= 18


def test_a_drop_of_three_points_is_found() -> None:
    assert count_regressed(["sst"], drop=0.03) >= 0.9 * TRIALS


def test_a_drop_within_the_tolerance_is_no_regression() -> None:
    assert count_regressed(["sst"], drop=0.03, tolerance=0.03) <= 18


def test_a_drop_of_three_points_passes_seldom() -> None:
    generator = np.random.default_rng(7)
    passed = 0
    for _ in range(TRIALS):
        task = Task(generator)
        then, now = cell({"sst": task.train()}), cell({"sst": task.train(drop=0.03)})
        gate = Gate(metrics=["sst"], tolerance=0.03)
        passed += verdict(now, then, gate).verdict == "passed"
    assert passed <= 18


def test_seeds_that_the_baseline_has_not_are_compared_unpaired() -> None:
    generator = np.random.default_rng(3)
    task = Task(generator)
    then = cell({"sst": task.train()})
    gate = Gate(metrics=["sst"])

    same = verdict(cell({"sst": task.train(seeds=8)}), then, gate)
    worse = verdict(cell({"sst": task.train(drop=0.06, seeds=8)}), then, gate)

    assert same.reason == (
        "unpaired: seeds 0, 1, 2, 3, 4, 5, 6, 7 now, 0, 1, 2, 3, 4 in the baseline"
    )
    assert (same.verdict, worse.verdict) == ("inconclusive", "regressed")


# --- the statistical way ----------------------------------------------------------------------

THEN = scored([1, 0, 1, 1], [1, 0, 0, 1])


def test_what_did_not_change_passes_at_tolerance_0() -> None:
    found = verdict(cell({"sst": THEN}), cell({"sst": THEN}), Gate())
    assert (found.verdict, found.reason, found.difference) == ("passed", "identical", 0)
    assert (found.baseline, found.now) == (0.625, 0.625)


def test_the_same_scores_from_other_examples_are_not_identical() -> None:
    other = scored([0, 1, 1, 1], [0, 1, 0, 1])
    found = verdict(cell({"sst": other}), cell({"sst": THEN}), Gate())
    assert (found.verdict, found.reason, found.difference) == ("inconclusive", "", 0)
    # Both seeds lose one example and win another: SD of (-1, 1, 0, 0) is .8165, over 4 examples
    # the error is .4082; t(.95, 3) = 2.3534.
    assert found.bound == pytest.approx(-2.3534 * 0.4082, abs=1e-4)


def test_within_the_tolerance_passes() -> None:
    other = scored([0, 1, 1, 1], [0, 1, 0, 1])
    found = verdict(cell({"sst": other}), cell({"sst": THEN}), Gate(tolerance=0.97))
    assert found.verdict == "passed"


def test_holm_is_over_all_metrics_of_all_cells() -> None:
    generator = np.random.default_rng(1)
    then = Task(generator)
    was, now = cell({"sst": then.train()}), cell({"sst": then.train(drop=0.025)})
    gate = Gate(metrics=["sst"])
    alone = verdict(now, was, gate)
    same = {f"cell {i}": was for i in range(9)}

    among = compare({"a cell": now, **same}, {"a cell": was, **same}, gate)[0]

    assert alone.p is not None
    assert among.p == pytest.approx(10 * alone.p)
    assert (alone.verdict, among.verdict) == ("regressed", "inconclusive")


def test_half_the_alpha_asks_for_more() -> None:
    other = scored([0, 1, 1, 1], [0, 1, 0, 1])
    gate = Gate(tolerance=0.99)
    found = [verdict(cell({"sst": other}), cell({"sst": THEN}), gate, a) for a in (0.05, 0.025)]
    assert [one.verdict for one in found] == ["passed", "inconclusive"]


def test_further_seeds_of_the_baseline_are_left_aside() -> None:
    then = scored([1, 0, 1, 1], [1, 0, 0, 1], [0, 0, 0, 0])
    found = verdict(cell({"sst": THEN}), cell({"sst": then}), Gate())
    assert (found.verdict, found.baseline) == ("passed", 0.625)


def test_seeds_are_paired_by_their_number() -> None:
    turned = cell({"sst": THEN.at([1, 0])}, seeds=[1, 0])
    found = verdict(turned, cell({"sst": THEN}), Gate())
    assert (found.verdict, found.reason) == ("passed", "identical")


# --- the exact way ----------------------------------------------------------------------------

EXACT = Gate(mode="exact", tolerance=0.25)


@pytest.mark.parametrize(
    ("rows", "expected", "difference", "reason"),
    [
        (([1, 0, 1, 1], [1, 0, 0, 1]), "passed", 0, "identical"),
        (([1, 0, 1, 0], [1, 0, 0, 1]), "passed", -0.25, ""),
        (([1, 0, 0, 0], [1, 1, 1, 1]), "regressed", -0.5, "seed 0 is worse"),
        (([1, 0, 1, 1], [0, 0, 0, 0]), "regressed", -0.5, "seed 1 is worse"),
        (([1, 1, 1, 1], [1, 0, 1, 1]), "passed", 0.25, ""),
        (
            ([1, 0, 1, 1], [1, 1, 1, 1]),
            "inconclusive",
            0.5,
            "seed 1 is better: 'mtbench check MATRIX --update' if that is meant",
        ),
    ],
)
def test_each_seed_is_held_against_the_same_seed(
    rows: Sequence[Sequence[float]], expected: str, difference: float, reason: str
) -> None:
    found = verdict(cell({"sst": scored(*rows)}), cell({"sst": THEN}), EXACT)
    assert (found.verdict, found.difference, found.reason) == (expected, difference, reason)
    assert (found.p, found.low, found.bound) == (None, None, None)


def test_the_overall_of_a_seed_is_the_mean_of_its_tasks() -> None:
    was = cell({"sst": THEN, "pd": THEN})
    now = cell({"sst": scored([0, 0, 0, 0], [1, 0, 0, 1]), "pd": THEN})
    found = verdict(now, was, replace_tolerance(0.3))
    assert (found.verdict, found.difference) == ("regressed", -0.375)


def replace_tolerance(tolerance: float) -> Gate:
    return Gate(mode="exact", tolerance=tolerance)


def test_one_seed_is_enough_for_the_exact_way() -> None:
    one = cell({"sst": THEN.at([0])})
    assert verdict(one, one, EXACT).verdict == "passed"
    assert verdict(one, one, Gate()).verdict == "incomparable"


def test_the_exact_way_wants_the_same_seeds() -> None:
    found = verdict(cell({"sst": THEN.at([0])}), cell({"sst": THEN}), EXACT)
    assert found.verdict == "incomparable"
    assert found.reason == "other seeds 0 now, 0, 1 in the baseline"
    assert unfit_seeds("exact", [1, 0], [0, 1]) == ""


# --- what cannot be compared ------------------------------------------------------------------


@pytest.mark.parametrize("gate", [Gate(), EXACT])
def test_undefined_scores_pass_nothing(gate: Gate) -> None:
    both, one = cell({"sst": THEN, "sts": THEN}), cell({"sst": THEN, "sts": None})
    found = [verdict(now, was, gate) for now, was in [(one, both), (both, one), (one, one)]]
    assert [(each.verdict, each.reason) for each in found] == [
        ("incomparable", "undefined now"),
        ("inconclusive", "undefined in the baseline"),
        ("inconclusive", "undefined in the baseline, and now"),
    ]
    assert (found[0].baseline, found[0].now) == (0.625, None)


@pytest.mark.parametrize("gate", [Gate(), EXACT])
def test_other_examples_and_other_tasks_are_not_compared(gate: Gate) -> None:
    was = cell({"sst": THEN})
    task = replace(was.outcomes.tasks["sst"], examples="another dev")
    elsewhere = replace(was, outcomes=replace(was.outcomes, tasks={"sst": task}))
    for now in (elsewhere, cell({"sst": THEN, "pd": THEN})):
        assert verdict(now, was, gate).verdict == "incomparable"


def test_a_metric_is_gated_where_a_cell_has_it() -> None:
    gate = Gate(metrics=["pd", "sst", "overall"])
    found = compare({"a cell": cell({"sst": THEN})}, {"a cell": cell({"sst": THEN})}, gate)
    assert [one.metric for one in found] == ["sst", "overall"]


def test_a_task_that_went_away_is_not_passed_over() -> None:
    gate = Gate(metrics=["pd"])
    was = cell({"sst": THEN, "pd": THEN})
    (found,) = compare({"a cell": cell({"sst": THEN})}, {"a cell": was}, gate)
    assert found.verdict == "incomparable"
