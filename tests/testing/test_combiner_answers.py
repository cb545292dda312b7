from collections.abc import Callable

import pytest
import torch

from mtbench.testing.combiner_answers import check
from mtbench.testing.conformance import Outcome

Judge = Callable[..., Outcome]


class Sum:
    """A sound combiner of gradients, but for what makes it worth having."""

    def __init__(self, parameters):
        pass

    def combine(self, x):
        return torch.ones(len(x.tasks), dtype=torch.float64)


class MinNorm(Sum):
    """The shortest point between the first two gradients; further tasks weigh nothing."""

    def combine(self, x):
        weights = torch.zeros(len(x.tasks), dtype=torch.float64)
        if len(x.tasks) == 1:
            return weights + 1
        (aa, ab), (_, bb) = x.gramian[:2, :2].tolist()
        span = aa - 2 * ab + bb
        share = min(1.0, max(0.0, (bb - ab) / span)) if span > 0 else 0.5
        weights[0], weights[1] = share, 1 - share
        return weights


class Column(Sum):
    def combine(self, x):
        return super().combine(x)[:, None]


class Infinite(Sum):
    def combine(self, x):
        return super().combine(x) / (len(x.tasks) - 1)


class Words(Sum):
    def combine(self, x):
        return [1.0] * len(x.tasks)


class Ascent(Sum):
    def combine(self, x):
        return -super().combine(x)


class Rotated(Sum):
    def combine(self, x):
        return x.jacobian.sum(dim=0).roll(1)


class ByLength(Sum):
    """Each gradient by its own length, with no thought of zeros."""

    def combine(self, x):
        return 1 / x.gramian.diagonal().sqrt()


class Shifting(Sum):
    def combine(self, x):
        return x.jacobian.sum(dim=0) + 1.0


class BySum(Sum):
    """For the length of the sum, with no thought of opposite gradients."""

    def combine(self, x):
        return super().combine(x) * x.gramian.diagonal().sum().sqrt() / x.gramian.sum().sqrt()


class Cholesky(Sum):
    """A factor that only a Gramian of full rank has."""

    def combine(self, x):
        return torch.cholesky_solve(
            torch.ones_like(x.gramian[:, :1]), torch.linalg.cholesky(x.gramian)
        ).squeeze(1)


class Logarithmic(Sum):
    def combine(self, x):
        return x.losses.log()


class Epsilon(Sum):
    """An absolute epsilon."""

    def combine(self, x):
        return 1 / (x.gramian.diagonal() + 1e-8)


class FirstFirst(MinNorm):
    """It favours the first task of the step."""

    def combine(self, x):
        weights = super().combine(x)
        weights[0] += 1
        return weights


EQUIVARIANT = {"promises": frozenset({"permutation-equivariant"})}

CASES = [
    ("answers-in-shape", Column, "gramian", "expected shape [1] for 1 tasks; came [1, 1]"),
    ("answers-in-shape", Infinite, "losses", "expected finite numbers for 1 tasks; came [inf]"),
    ("answers-in-shape", Words, "losses", "expected a tensor for 1 tasks; came [1.0]"),
    ("answers-in-shape", Sum, "jacobian", "expected shape [7] for 1 tasks; came [1]"),
    (
        "one-task-alone",
        Ascent,
        "losses",
        "expected a positive multiple of (3, -4, 0); came [-3.0, 4.0, ",
    ),
    (
        "identical-gradients",
        Rotated,
        "jacobian",
        "expected a positive multiple of the tasks' one gradient (1, 2, -2); came [-6.0, 3.0, ",
    ),
    ("zero-gradients", ByLength, "gramian", "expected finite numbers for 3 tasks; came [inf, "),
    (
        "zero-gradients",
        Shifting,
        "jacobian",
        "expected an update of zeros for gradients of zeros; came [1.0, 1.0]",
    ),
    (
        "opposite-gradients",
        BySum,
        "gramian",
        "expected finite numbers for 2 tasks; came [inf, inf]",
    ),
    ("many-tasks", Cholesky, "gramian", "expected no error; came _LinAlgError: "),
    ("extreme-losses", Logarithmic, "losses", "expected finite numbers for 2 tasks; came [-inf, "),
    ("scale", Epsilon, "gramian", "expected f(0.001 J) / 0.001 = f(J); came ["),
    ("scale", Shifting, "jacobian", "expected f(0.001 J) / 0.001 = f(J); came ["),
    (
        "differs-from-sum",
        Sum,
        "losses",
        "expected something else than the sum of [[1.0, 0.0], [-2.0, 1.0], [-1.0, -3.0]] within "
        "400 steps; came 1 times the sum, [-2.0, -2.0]",
    ),
    (
        "permutation-equivariant",
        FirstFirst,
        "gramian",
        "expected the same update in any order of tasks; came [",
    ),
]


@pytest.mark.parametrize(("name", "combiner", "needs", "message"), CASES)
def test_a_broken_combiner_is_caught(judge: Judge, name, combiner, needs, message) -> None:
    outcome = judge("combiner", name, combiner, needs=needs, **EQUIVARIANT)
    assert outcome.status == "failed"
    assert message in outcome.message


def test_every_check_catches_one() -> None:
    assert {case[0] for case in CASES} == {each.name for each in check.all}


@pytest.mark.parametrize("each", check.all, ids=lambda each: each.name)
def test_a_sound_combiner_passes(judge: Judge, each) -> None:
    expected = "not applicable" if each.name == "permutation-equivariant" else "passed"
    assert judge("combiner", each.name, MinNorm, needs="gramian").status == expected


@pytest.mark.parametrize("name", [each.name for each in check.all])
def test_what_is_weighed_by_the_past_may_start_as_the_sum(judge: Judge, name: str) -> None:
    class Falling(Sum):
        """Weighs tasks by how their losses fall, from the third step on."""

        def __init__(self, parameters):
            self.seen = {}

        def combine(self, x):
            weights = []
            for task, loss in zip(x.tasks, x.losses.tolist(), strict=True):
                before = self.seen.get(task, (loss, loss))
                self.seen[task] = (before[1], loss)
                weights.append(before[1] / before[0] if before[0] > 0 else 1.0)
            return torch.tensor(weights, dtype=torch.float64).softmax(dim=0)

    expected = "not applicable" if name == "scale" else "passed"
    assert judge("combiner", name, Falling, needs="losses", **EQUIVARIANT).status == expected
