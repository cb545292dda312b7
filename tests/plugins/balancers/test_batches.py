import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtbench_builtins.balancers.batches import one_pass


@pytest.mark.parametrize(
    ("size", "batch_size", "expected"),
    [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 3, [2]), (1, 1, [1]), (0, 3, [])],
)
def test_one_pass(size, batch_size, expected):
    assert list(one_pass(size, batch_size)) == expected


@given(st.integers(0, 500), st.integers(1, 40))
@settings(deadline=None, database=None)
def test_a_pass_takes_every_example_once_in_the_fewest_batches(size, batch_size):
    batches = list(one_pass(size, batch_size))
    assert sum(batches) == size
    assert len(batches) == -(-size // batch_size)
    assert all(0 < n <= batch_size for n in batches)
