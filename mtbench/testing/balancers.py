"""What the conformance kit asks of a balancer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import Any

from mtbench.protocols import Step
from mtbench.testing.checks import Checks, Subject, fail, require, unless_rejecting
from mtbench.testing.processes import ask
from mtbench.testing.trials import ordinary_cell, require_reason, seeded_globally, untouched

check = Checks("balancer")

SIZES = {"sst": 23, "pd": 40, "sts": 7}
BATCHES = {"sst": 4, "pd": 8, "sts": 3}

MOST_STEPS = 100_000
"""Steps after which an epoch over some seventy examples is taken to have no end."""

MOST_BATCHES = 64
"""Batches of a task that a step may hold: a balancer may group some, but not take all at once."""

EPOCHS = 10
"""Of the run that a balancer is told of; a task of an ordinary size must have a turn in it."""

PROGRESS = [place / EPOCHS for place in range(EPOCHS)]
"""Share of the run that is done when each of its epochs starts."""

Budget = Mapping[str, int | None]

BUDGETS: tuple[Budget, ...] = (
    {"steps": None, "epochs": EPOCHS},
    {"steps": 1000, "epochs": None},
    {"steps": None, "epochs": 1},
    {"steps": 1, "epochs": None},
)
"""As a matrix gives them: one of the two."""

HASH_SEEDS = (1, 4)
"""With these, Python goes through the set of the three tasks in opposite orders."""

BEGIN = f"if getattr(made, 'begin', None) is not None: made.begin(**{BUDGETS[0]})"
"""Python that tells a balancer of the run's budget in another process."""


def build(subject: Subject, budget: Budget = BUDGETS[0]) -> Any:
    """Return a new balancer, told of the run's budget if it has a method ``begin``."""
    balancer = subject.target()(subject.parameters)
    if getattr(balancer, "begin", None) is not None:
        balancer.begin(**budget)
    return balancer


def epoch(
    balancer: Any,
    sizes: Mapping[str, int] = SIZES,
    batches: Mapping[str, int] = BATCHES,
    *,
    progress: float = 0.0,
    rng: random.Random | int = 0,
) -> list[Step]:
    """Return the steps of an epoch, each a whole number of examples of one task or more.

    Args:
        rng: the balancer's generator, or its seed.

    Raises:
        CheckFailed: if there is none, no end to them, or one that is not sound.
    """
    rng = rng if isinstance(rng, random.Random) else random.Random(rng)
    given = dict(sizes), dict(batches)
    steps: list[Step] = []
    for place, step in enumerate(islice(balancer.steps(*given, progress, rng), MOST_STEPS + 1)):
        require(step, "examples in every step", f"none in step {place}")
        for task, count in step.items():
            came = f"{count!r} of {task!r} in step {place}"
            require(task in sizes, f"tasks among {', '.join(sizes)}", came)
            require(
                type(count) is int and count > 0, "counts of 1 or more, each of type int", came
            )
        steps.append(dict(step))
    require(steps, "at least one step an epoch", "none")
    if len(steps) > MOST_STEPS:
        fail(
            "an epoch that ends", f"more than {MOST_STEPS} steps of {sum(sizes.values())} examples"
        )
    require(given[0] == sizes, f"sizes to stay {sizes}", given[0])
    require(given[1] == batches, f"batch sizes to stay {batches}", given[1])
    return steps


def total(steps: Iterable[Step]) -> Counter[str]:
    """Return how many examples of each task the steps take."""
    counts: Counter[str] = Counter()
    for step in steps:
        counts.update(step)
    return counts


def require_equal(expected: Sequence[Any], came: Sequence[Any], what: str) -> None:
    """Fail where two epochs part."""
    for place, (one, other) in enumerate(zip_longest(expected, came)):
        require(one == other, what, f"{other} in step {place}, not {one}")


@check(
    "an epoch ends; its steps take a positive int of the run's tasks each, and no size changes",
    basic=True,
)
def steps_are_sound(subject: Subject) -> None:
    epoch(build(subject))


@check(
    "an epoch takes at least, or exactly, as many examples of a task as it has, as promised",
    inapplicable=lambda subject: (
        None if subject.spec.promises else "it promises neither 'covers' nor 'exact'"
    ),
)
def covers(subject: Subject) -> None:
    exact = "exact" in subject.spec.promises
    for budget in BUDGETS[:2]:
        balancer = build(subject, budget)
        for progress in PROGRESS:
            taken = total(epoch(balancer, progress=progress))
            for task, size in SIZES.items():
                kept = taken[task] == size if exact else taken[task] >= size
                wanted = size if exact else f"at least {size}"
                require(kept, f"{wanted} examples of {task!r} an epoch", taken[task])


@check("within ten epochs every task has had a turn")
def starves_no_task(subject: Subject) -> None:
    for budget in BUDGETS[:2]:
        balancer, rng = build(subject, budget), random.Random(0)
        taken = total(chain.from_iterable(epoch(balancer, progress=p, rng=rng) for p in PROGRESS))
        starved = [task for task in SIZES if not taken[task]]
        expected = f"examples of every task within {EPOCHS} epochs"
        require(not starved, expected, f"none of {', '.join(starved)}")


@check("a step takes a batch of a task, or a few together; larger batches give larger steps")
def respects_batch_sizes(subject: Subject) -> None:
    sizes = dict.fromkeys(SIZES, 1000)
    largest = {}
    for size in (1, 64):
        steps = epoch(build(subject), sizes, dict.fromkeys(SIZES, size))
        largest[size] = max(max(step.values()) for step in steps)
        expected = f"at most {MOST_BATCHES} batches of {size} in a step"
        came = f"{largest[size]} examples of a task"
        require(largest[size] <= MOST_BATCHES * size, expected, came)
    came = f"{largest[64]} and {largest[1]} examples"
    require(largest[1] < largest[64], "larger steps with batches of 64 than of 1", came)


@check("it works with one task, with tasks of one example, and where one has 1 and another 10,000")
def works_with_any_sizes(subject: Subject) -> None:
    task = next(iter(epoch(build(subject))[0]))
    epoch(build(subject), {task: SIZES[task]}, {task: BATCHES[task]})
    for sizes in ((1, 1, 1), (1, 10_000, 100), (10_000, 100, 1)):
        epoch(build(subject), dict(zip(SIZES, sizes, strict=True)))


@check("epoch after epoch works, with a budget of steps or of epochs, also of one")
def goes_on(subject: Subject) -> None:
    for budget in BUDGETS:
        balancer, rng = build(subject, budget), random.Random(0)
        for progress in (*PROGRESS, 1 - 1e-9):
            epoch(balancer, progress=progress, rng=rng)


@check("the same seed gives the same steps, whatever other balancers and generators do")
def same_seed_same_steps(subject: Subject) -> None:
    came = []
    for seed in range(8):
        with seeded_globally(seed), untouched():
            balancer, rng = build(subject), random.Random(7)
            came.append(
                [step for p in PROGRESS[:3] for step in epoch(balancer, progress=p, rng=rng)]
            )
    for steps in came:
        require_equal(came[0], steps, "the same steps from the same seed")
    alone = [epoch(build(subject), rng=seed) for seed in (1, 2)]
    iterators = [
        build(subject).steps(dict(SIZES), dict(BATCHES), 0.0, random.Random(seed))
        for seed in (1, 2)
    ]
    turns = list(zip_longest(*iterators))
    for place, expected in enumerate(alone):
        steps = [turn[place] for turn in turns if turn[place] is not None]
        require_equal(expected, steps, "the same steps beside another balancer")


@check("another process gives the same steps, in any order of a set, and needs no torch for them")
def same_steps_in_every_process(subject: Subject) -> None:
    steps = f"[dict(step) for step in made.steps({SIZES}, {BATCHES}, 0.0, random.Random(7))]"
    first, second = (ask(subject, steps, setup=BEGIN, hash_seed=seed) for seed in HASH_SEEDS)
    require_equal(first.value, second.value, "the same steps in every process")
    came = "one, for its steps"
    require(not first.torch, "no import of torch, as planning must not", came)


@check("of an ordinary cell `rejects` gives a reason or None", inapplicable=unless_rejecting)
def rejects_with_a_reason(subject: Subject) -> None:
    require_reason(subject.spec.rejects(ordinary_cell(subject)))
