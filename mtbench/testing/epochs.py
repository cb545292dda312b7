"""Epochs: a balancer's steps laid out for the checks, which must end and be sound."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from mtbench.protocols import Step
from mtbench.testing.checks import Subject, fail, require

SIZES = {"sst": 23, "pd": 40, "sts": 7}
BATCHES = {"sst": 4, "pd": 8, "sts": 3}

MOST_STEPS = 100_000
"""Steps after which an epoch over some seventy examples is taken to have no end."""


EPOCHS = 10
"""Of the run that a balancer is told of; a task of an ordinary size must have a turn in it."""

Budget = Mapping[str, int | None]

BUDGETS: tuple[Budget, ...] = (
    {"steps": None, "epochs": EPOCHS},
    {"steps": 1000, "epochs": None},
)
"""As a matrix gives them: one of the two."""


def build(subject: Subject, budget: Budget = BUDGETS[0]) -> Any:
    """Return a new balancer, told of the run's budget if it has a method ``begin``."""
    balancer = subject.target()(subject.parameters)
    if getattr(balancer, "begin", None) is not None:
        balancer.begin(**budget)
    return balancer


def progresses() -> list[float]:
    """Return the share of the run that is done when each of its epochs starts."""
    return [place / EPOCHS for place in range(EPOCHS)]


def epoch(
    balancer: Any,
    sizes: Mapping[str, int] = SIZES,
    batches: Mapping[str, int] = BATCHES,
    *,
    progress: float = 0.0,
    rng: random.Random | int = 0,
) -> list[Step]:
    """Return the steps of an epoch.

    Args:
        rng: the balancer's generator, or its seed.

    Raises:
        CheckFailed: if there is no end to them.
    """
    rng = rng if isinstance(rng, random.Random) else random.Random(rng)
    steps = balancer.steps(dict(sizes), dict(batches), progress, rng)
    made: list[Step] = [dict(step) for step in islice(steps, MOST_STEPS + 1)]
    if len(made) > MOST_STEPS:
        fail(
            "an epoch that ends", f"more than {MOST_STEPS} steps of {sum(sizes.values())} examples"
        )
    return made


def total(steps: Iterable[Step]) -> Counter[str]:
    """Return how many examples of each task the steps take."""
    counts: Counter[str] = Counter()
    for step in steps:
        counts.update(step)
    return counts


def require_sound(steps: Iterable[Step], tasks: Iterable[str]) -> None:
    """Fail unless there are steps, each a whole number of examples of one task or more."""
    known = sorted(tasks)
    place = -1
    for place, step in enumerate(steps):
        require(step, "examples in every step", f"none in step {place}")
        for task, count in step.items():
            where = f"of {task!r} in step {place}"
            require(task in known, f"tasks among {', '.join(known)}", f"{count!r} {where}")
            require(
                type(count) is int and count > 0,
                "counts of 1 or more, each an int",
                f"{count!r} {where}",
            )
    require(place >= 0, "at least one step an epoch", "none")


def difference(expected: Sequence[Step], came: Sequence[Step]) -> str | None:
    """Say where two epochs part, or None."""
    for place, (one, other) in enumerate(zip(expected, came, strict=False)):
        if one != other:
            return f"{other} in step {place}, not {one}"
    if len(expected) != len(came):
        return f"{len(came)} steps, not {len(expected)}"
    return None


def require_equal(expected: Sequence[Step], came: Sequence[Step], what: str) -> None:
    """Fail where two epochs part."""
    parting = difference(expected, came)
    require(parting is None, what, parting)
