from collections.abc import Callable

import pytest
import torch

from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.combiner_trials import (
    NAMES,
    A,
    Player,
    distance,
    falling,
    general,
    matrix,
    require_along,
    require_same,
)


class Noting:
    """Notes what it is given, and weighs tasks by their place, from 1."""

    def __init__(self, parameters):
        self.given, self.seen = [], []

    def combine(self, x):
        self.given.append(x)
        if x.jacobian is not None:
            return x.jacobian[0]
        return torch.arange(1.0, len(x.tasks) + 1)

    def observe(self, before, after):
        self.seen.append((before, after))


@pytest.fixture
def player(subject_of: Callable[..., Subject]) -> Callable[..., Player]:
    return lambda needs="gramian", **spec: Player(
        subject_of("combiner", Noting, needs=needs, **spec)
    )


@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
def test_a_combiner_is_given_what_it_needs(player: Callable[..., Player], needs: str) -> None:
    played = player(needs)
    update = played.update(A, losses=[0.5, 2.0])
    (x,) = played.combiner.given
    assert (x.tasks, x.losses.tolist(), x.step) == (("sst", "keys"), [0.5, 2.0], 0)
    assert (x.gramian is None, x.jacobian is None) == (needs != "gramian", needs != "jacobian")
    if x.gramian is not None:
        assert x.gramian.tolist() == [[1, -1], [-1, 2]]
    # g1 + 2 g2 = (1, 0) + 2 (-1, 1)
    assert update.tolist() == ([1, 0] if needs == "jacobian" else [-1, 2])


def test_a_jacobian_keeps_its_precision(player: Callable[..., Player]) -> None:
    played = player("jacobian")
    played.update(torch.ones(2, 3))
    assert played.combiner.given[0].jacobian.dtype == torch.float32


def test_steps_go_on_and_are_observed(player: Callable[..., Player]) -> None:
    played = player("losses", observes=True)
    played.update(A)
    played.update(A, losses=[2.0, 4.0], after=[1.0, 5.0], tasks=["a", "b"])
    assert [x.step for x in played.combiner.given] == [0, 1]
    first, second = played.combiner.seen
    assert first[1] == pytest.approx({"sst": 0.9, "keys": 0.9})
    assert second == ({"a": 2.0, "b": 4.0}, {"a": 1.0, "b": 5.0})


def test_who_does_not_observe_is_told_nothing(player: Callable[..., Player]) -> None:
    played = player("losses")
    played.train(3)
    assert (played.step, played.combiner.seen) == (3, [])


def test_a_probe_is_the_same_step_again(player: Callable[..., Player]) -> None:
    played = player("losses")
    played.probe()
    played.train(2)
    played.probe()
    first, *_, last = played.combiner.given
    assert (first.step, first.losses.tolist()) == (last.step, last.losses.tolist())


def test_losses_fall_by_name() -> None:
    assert falling(0, NAMES[:2]) == falling(0, NAMES[1::-1])[::-1]
    first, second = falling(1, NAMES[:2]), falling(2, NAMES[:2])
    assert all(later < earlier for later, earlier in zip(second, first, strict=True))
    assert second[0] / first[0] != pytest.approx(second[1] / first[1])


def test_distances_are_for_the_longest() -> None:
    zero, one = matrix([[0.0, 0.0], [1.0, 0.0]])
    assert distance(zero, one, [[10.0, 0.0]]) == pytest.approx(0.1)
    require_same(zero, one, [[10.0, 0.0]], "the same", to=0.2)
    with pytest.raises(CheckFailed, match=r"^expected the same; came \[0.0, 0.0\], not \[1.0, 0"):
        require_same(zero, one, [[10.0, 0.0]], "the same", to=0.05)


def test_along() -> None:
    require_along(matrix([[2.0, 2.0]])[0], matrix([[1.0, 1.0]])[0], "(1, 1)")
    for other in ([-1.0, -1.0], [0.0, 0.0], [1.0, 1.1]):
        with pytest.raises(CheckFailed, match=r"^expected \(1, 1\); came \["):
            require_along(matrix([other])[0], matrix([[1.0, 1.0]])[0], "(1, 1)")


def test_random_gradients_are_in_conflict() -> None:
    gradients = general(4, 6)
    assert (gradients @ gradients.T < 0).any()
    assert torch.equal(gradients, general(4, 6))
