from collections import Counter

import pytest

from mtbench_builtins.tasks.splitting import split_of


def test_splits_are_pinned() -> None:
    """SHA-256 of ``0``, ``split`` and the texts, joined by the unit separator, over 2**64."""
    texts = [("How are you?", "How is it going?"), ("a",), ("b",), ("c",), ("d",), ("e",)]

    assert [split_of(each, dev=0.3, test=0.3) for each in texts] == [
        "train",
        "train",
        "dev",
        "test",
        "train",
        "train",
    ]


def test_a_pair_is_on_one_side_in_either_order() -> None:
    for i in range(100):
        pair = (f"question {i}", f"another {i}")
        assert split_of(pair, dev=0.3, test=0.3) == split_of(pair[::-1], dev=0.3, test=0.3)


def test_shares() -> None:
    found = Counter(split_of((f"text {i}",), dev=0.1, test=0.2) for i in range(10_000))

    assert found["test"] == pytest.approx(2_000, abs=150)
    assert found["dev"] == pytest.approx(1_000, abs=150)
    assert {split_of((f"text {i}",), dev=0, test=0) for i in range(100)} == {"train"}


def test_a_larger_share_of_dev_takes_from_train_only() -> None:
    for i in range(1_000):
        small = split_of((f"text {i}",), dev=0.1, test=0.1)
        large = split_of((f"text {i}",), dev=0.3, test=0.1)
        assert small == large or (small, large) == ("train", "dev")
