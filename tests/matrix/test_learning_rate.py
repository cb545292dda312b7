import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.matrix.learning_rate import Decay, share


def shares(steps: int, warmup: float, decay: Decay) -> list[float]:
    return [share(step, steps, warmup=warmup, decay=decay) for step in range(steps)]


@pytest.mark.parametrize(
    ("warmup", "decay", "expected"),
    [
        (0.0, "none", [1, 1, 1, 1, 1]),
        (0.4, "none", [1 / 2, 1, 1, 1, 1]),
        (0.0, "linear", [1, 4 / 5, 3 / 5, 2 / 5, 1 / 5]),
        (0.4, "linear", [1 / 2, 1, 1, 2 / 3, 1 / 3]),
        (0.99, "linear", [1 / 5, 2 / 5, 3 / 5, 4 / 5, 1]),
    ],
)
def test_shares_worked_by_hand(warmup: float, decay: Decay, expected: list[float]) -> None:
    assert shares(5, warmup, decay) == pytest.approx(expected)


@given(
    steps=st.integers(1, 300),
    warmup=st.floats(0, 1, exclude_max=True),
    decay=st.sampled_from(["none", "linear"]),
)
def test_it_rises_to_the_peak_and_never_again(steps: int, warmup: float, decay: Decay) -> None:
    made = shares(steps, warmup, decay)
    top = made.index(1.0)
    assert made[: top + 1] == sorted(made[: top + 1])
    assert made[top:] == sorted(made[top:], reverse=True)
    assert min(made) > 0
