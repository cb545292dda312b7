from collections import Counter
from itertools import pairwise

import pytest

from mtbench.data import order, sample, share
from mtbench.protocols import Examples


def examples(n: int) -> Examples:
    return Examples(
        ids=tuple(f"id-{i:04d}" for i in range(n)),
        texts=tuple((f"text {i}",) for i in range(n)),
        labels=tuple(float(i) for i in range(n)),
    )


def consistent(some: Examples) -> bool:
    """Whether ids, texts and labels still belong together, in the order of ids."""
    assert some.labels is not None
    whole = [
        (f"id-{int(label):04d}", (f"text {int(label)}",)) == (id_, texts)
        for id_, texts, label in zip(some.ids, some.texts, some.labels, strict=True)
    ]
    return all(whole) and list(some.ids) == sorted(some.ids)


# --- shares -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "fraction", "count"), [(100, 0.04, 4), (10, 0.001, 1), (8544, 0.04, 342), (7, 0.5, 4)]
)
def test_size_of_a_share(n: int, fraction: float, count: int) -> None:
    some = share(examples(n), fraction, 0, "sst")

    assert len(some) == count
    assert len(set(some.ids)) == count
    assert consistent(some)


def test_the_whole_is_unchanged() -> None:
    whole = examples(10)

    assert share(whole, 1, 0, "sst") is whole


def test_a_smaller_share_lies_within_a_larger_one() -> None:
    shares = [set(share(examples(200), f, 3, "pd").ids) for f in (0.01, 0.1, 0.5, 0.9)]

    assert all(small < large for small, large in pairwise(shares))


def test_a_share_follows_seed_and_task() -> None:
    drawn = {share(examples(200), 0.1, seed, task).ids for seed in (0, 1) for task in ("a", "b")}

    assert len(drawn) == 4
    assert share(examples(200), 0.1, 0, "a") == share(examples(200), 0.1, 0, "a")


def test_the_share_is_pinned() -> None:
    assert share(examples(20), 0.2, 0, "sst").labels == (8.0, 10.0, 11.0, 19.0)


# --- orders -----------------------------------------------------------------------------------


def test_an_order_is_a_permutation_of_its_own_pass() -> None:
    orders = [order(seed, task, p, 50) for seed in (0, 1) for task in ("a", "b") for p in (0, 1)]

    assert all(sorted(one) == list(range(50)) for one in orders)
    assert len({tuple(one) for one in orders}) == len(orders)
    assert order(0, "a", 0, 50) == orders[0]


def test_the_order_is_pinned() -> None:
    assert order(0, "sst", 0, 8) == [2, 7, 5, 3, 1, 4, 6, 0]
    assert order(0, "sst", 0, 0) == []


def test_orders_are_uniform() -> None:
    """Each of the 6 permutations of 3 comes about 1000 times of 6000 (sd 29)."""
    drawn = Counter(tuple(order(0, "sst", p, 3)) for p in range(6000))

    assert len(drawn) == 6
    assert all(abs(count - 1000) < 150 for count in drawn.values())


# --- samples ----------------------------------------------------------------------------------


def test_a_sample_is_fixed_and_nested() -> None:
    small, large = sample(examples(100), 10), sample(examples(100), 30)

    assert (len(small), len(large)) == (10, 30)
    assert set(small.ids) < set(large.ids)
    assert consistent(small)
    assert consistent(large)
    assert small == sample(examples(100), 10)


def test_a_sample_of_more_than_there_is_is_everything() -> None:
    assert sample(examples(5), 10) == examples(5)


def test_other_rows_do_not_change_who_comes_first() -> None:
    """Rows added to a file can only push examples out of the sample, never reorder it."""
    before, after = set(sample(examples(100), 20).ids), set(sample(examples(120), 20).ids)

    assert {id_ for id_ in after if id_ < "id-0100"} <= before


def test_the_sample_is_pinned() -> None:
    assert sample(examples(20), 4).labels == (10.0, 14.0, 16.0, 17.0)
