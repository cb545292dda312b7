from collections.abc import Sequence

import numpy as np
import pytest

from mtbench.comparison.flips import Flips, flips
from mtbench.evidence.outcomes import Predictions


def made(labels: Sequence[float], *seeds: Sequence[float]) -> list[Predictions]:
    ids = np.array([f"e{i}" for i in range(len(labels))])
    return [Predictions(ids, np.array(labels, float), np.array(seed, float)) for seed in seeds]


def classes(shown: int = 0) -> Flips:
    """Three seeds, five examples; of e0 all that A has is lost, of e1 in two seeds of three."""
    labels = [1, 1, 1, 0, 0]
    a = made(labels, [1, 1, 1, 0, 1], [1, 1, 0, 0, 1], [1, 0, 0, 0, 1])
    b = made(labels, [0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 1, 1, 0, 1])
    return flips("pd", "accuracy", a, b, shown=shown)


def test_pairs_of_seed_and_example_are_counted() -> None:
    assert classes().counts == {"both": 4, "a": 5, "b": 5, "none": 1}
    assert sum(classes().counts.values()) == 3 * classes().examples


def test_a_majority_of_the_seeds_makes_a_flip() -> None:
    found = classes()
    assert (found.lost, found.won) == (2, 2)  # e0 and e1; e2 and e4


def test_half_of_the_seeds_is_no_majority() -> None:
    a, b = made([1, 1, 1], [1, 1, 1], [1, 1, 1]), made([1, 1, 1], [0, 1, 1], [1, 1, 1])
    found = flips("pd", "accuracy", a, b)
    assert (found.lost, found.won, found.counts["a"]) == (0, 0, 1)
    assert not found.identical


def test_those_that_flipped_in_most_seeds_come_first() -> None:
    most = classes(shown=5).most
    assert [(e.id, round(e.change, 6)) for e in most] == [
        ("e0", 1.0),
        ("e1", round(1 / 3, 6)),  # lost in two seeds, won in one
        ("e2", -round(2 / 3, 6)),
        ("e4", -round(2 / 3, 6)),
    ]
    assert (most[0].label, most[0].a, most[0].b) == (1.0, (1, 1, 1), (0, 0, 0))


def test_so_many_are_named_of_each_kind() -> None:
    assert [e.id for e in classes(shown=1).most] == ["e0", "e2"]
    assert classes(shown=0).most == []


def test_of_a_score_the_change_is_that_of_the_mean_absolute_error() -> None:
    a = made([1, 2, 3], [1.5, 2, 3], [1.5, 2, 2])
    b = made([1, 2, 3], [3, 2, 3], [0, 2, 3])
    found = flips("sts", "pearson", a, b, shown=3)
    assert found.counts == {}
    assert (found.lost, found.won) == (1, 1)
    assert [(e.id, e.change) for e in found.most] == [("e0", 1.0), ("e2", -0.5)]


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "pearson", "spearman"])
def test_a_cell_against_itself_has_no_flips(metric: str) -> None:
    a = made([0, 1, 1], [0, 1, 0], [1, 1, 1])
    found = flips("t", metric, a, a, shown=3)
    assert found.identical
    assert (found.lost, found.won, list(found.most)) == (0, 0, [])


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_other_wrong_classes_are_no_flip_and_not_identical(metric: str) -> None:
    found = flips("sst", metric, made([0, 1, 2], [0, 1, 3]), made([0, 1, 2], [0, 1, 4]), shown=3)
    assert (found.lost, found.won, found.counts["none"]) == (0, 0, 1)
    assert not found.identical


def test_scores_as_far_from_the_label_on_the_other_side_are_not_identical() -> None:
    found = flips("sts", "pearson", made([1, 2], [0.5, 2]), made([1, 2], [1.5, 2]))
    assert (found.lost, found.won) == (0, 0)
    assert not found.identical
