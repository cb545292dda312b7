"""What the conformance kit asks of a balancer."""

import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import chain, zip_longest

from mtbench.testing.cells import ordinary_cell, require_reason
from mtbench.testing.checks import ANYTHING, Checks, Subject, require, unless_promised
from mtbench.testing.epochs import (
    BATCHES,
    BUDGETS,
    EPOCHS,
    SIZES,
    build,
    epoch,
    progresses,
    require_equal,
    require_sound,
    total,
)
from mtbench.testing.generators import seeded_globally, untouched
from mtbench.testing.processes import ask, listed_with_torch

check = Checks("balancer")

MOST_BATCHES = 64
"""Batches of a task that a step may hold: a balancer may group some, but not take all at once."""

HUGE = 1_000_000
"""Examples of a task whose epoch is too long to be laid out before the first step."""

SMALL_MEMORY = 256 * 1024
"""Bytes for a step; an epoch of HUGE tasks, laid out, takes megabytes."""

HASH_SEEDS = (1, 4)
"""With these, Python goes through the set of the three tasks in opposite orders."""

BEGIN = f"if getattr(made, 'begin', None) is not None: made.begin(**{BUDGETS[0]})"
"""Python that tells a balancer of the run's budget in another process."""


@check("an epoch has a step")
def has_a_step(subject: Subject) -> None:
    require(epoch(build(subject)), "at least one step an epoch", "none")


@check("an epoch ends")
def ends(subject: Subject) -> None:
    epoch(build(subject))


@check("a step takes examples of the run's tasks, a positive int of each")
def steps_are_sound(subject: Subject) -> None:
    require_sound(epoch(build(subject)), SIZES)


@check(
    "an epoch takes at least as many examples of every task as it has",
    inapplicable=unless_promised("covers"),
)
def covers(subject: Subject) -> None:
    for taken in _taken(subject):
        for task, size in SIZES.items():
            require(
                taken[task] >= size, f"at least {size} examples of {task!r} an epoch", taken[task]
            )


@check(
    "an epoch takes exactly as many examples of every task as it has",
    inapplicable=unless_promised("exact"),
)
def exact(subject: Subject) -> None:
    for taken in _taken(subject):
        for task, size in SIZES.items():
            require(taken[task] == size, f"{size} examples of {task!r} an epoch", taken[task])


@check("within ten epochs every task has had a turn")
def starves_no_task(subject: Subject) -> None:
    for budget in BUDGETS:
        balancer, rng = build(subject, budget), random.Random(0)
        taken = total(
            chain.from_iterable(epoch(balancer, progress=p, rng=rng) for p in progresses())
        )
        starved = [task for task in SIZES if not taken[task]]
        require(
            not starved,
            f"examples of every task within {EPOCHS} epochs",
            f"none of {', '.join(starved)}",
        )


@check("a step takes a batch of a task, or a few together; larger batches give larger steps")
def respects_batch_sizes(subject: Subject) -> None:
    sizes = dict.fromkeys(SIZES, 1000)
    largest = {}
    for size in (1, 64):
        steps = epoch(build(subject), sizes, dict.fromkeys(SIZES, size))
        largest[size] = max((max(step.values()) for step in steps if step), default=0)
        require(
            largest[size] <= MOST_BATCHES * size,
            f"at most {MOST_BATCHES} batches of {size} in a step",
            f"{largest[size]} examples of a task",
        )
    require(
        largest[1] < largest[64],
        "larger steps with batches of 64 than of 1",
        f"{largest[64]} and {largest[1]} examples",
    )


@check("it works with one task")
def works_with_one_task(subject: Subject) -> None:
    task = next(iter(epoch(build(subject))[0]))
    steps = epoch(build(subject), {task: SIZES[task]}, {task: BATCHES[task]})
    require_sound(steps, [task])


@check("it works with tasks of one example")
def works_with_one_example(subject: Subject) -> None:
    require_sound(epoch(build(subject), dict.fromkeys(SIZES, 1)), SIZES)


@check("it works where one task has 1 example and another 10,000")
def works_with_unequal_sizes(subject: Subject) -> None:
    for sizes in ((1, 10_000, 100), (10_000, 100, 1)):
        require_sound(epoch(build(subject), dict(zip(SIZES, sizes, strict=True))), SIZES)


@check("epoch after epoch works, while progress goes from 0 towards 1")
def goes_on(subject: Subject) -> None:
    for budget in BUDGETS:
        balancer, rng = build(subject, budget), random.Random(0)
        for progress in (*progresses()[:-1], 1 - 1e-9):
            require_sound(epoch(balancer, progress=progress, rng=rng), SIZES)


def _has_no_begin(subject: Subject) -> str | None:
    try:
        balancer = subject.target()(subject.parameters)
    except ANYTHING:
        return None  # the check itself meets the error
    return "it has no begin" if getattr(balancer, "begin", None) is None else None


@check(
    "`begin` takes a budget of steps or of epochs, also of one, and sound epochs follow",
    inapplicable=_has_no_begin,
)
def takes_either_budget(subject: Subject) -> None:
    for budget in (*BUDGETS, {"steps": None, "epochs": 1}, {"steps": 1, "epochs": None}):
        require_sound(epoch(build(subject, budget)), SIZES)


@check("a new balancer with the same seed gives the same steps")
def same_seed_same_steps(subject: Subject) -> None:
    one, other = build(subject), build(subject)
    first, second = random.Random(7), random.Random(7)
    for place in range(3):
        expected = epoch(one, progress=place / 3, rng=first)
        came = epoch(other, progress=place / 3, rng=second)
        require_equal(expected, came, f"the same steps from the same seed in epoch {place}")


@check("another process gives the same steps, in whatever order it goes through a set")
def same_steps_in_every_process(subject: Subject) -> None:
    steps = f"[dict(step) for step in made.steps({SIZES}, {BATCHES}, 0.0, random.Random(7))]"
    first, second = (ask(subject, steps, setup=BEGIN, hash_seed=seed).value for seed in HASH_SEEDS)
    require_equal(first, second, "the same steps in every process")


@check("two balancers that take turns give what each gives by itself")
def instances_are_independent(subject: Subject) -> None:
    alone = [epoch(build(subject), rng=seed) for seed in (1, 2)]
    iterators = [
        build(subject).steps(dict(SIZES), dict(BATCHES), 0.0, random.Random(seed))
        for seed in (1, 2)
    ]
    turns = list(zip_longest(*iterators))
    for place, expected in enumerate(alone):
        came = [dict(turn[place]) for turn in turns if turn[place] is not None]
        require_equal(expected, came, "the same steps beside another balancer")


@check("it leaves the sizes that it is given as they are")
def leaves_its_input_alone(subject: Subject) -> None:
    sizes, batches = dict(SIZES), dict(BATCHES)
    epoch_of_its_own = build(subject).steps(sizes, batches, 0.0, random.Random(0))
    for _ in zip(range(1000), epoch_of_its_own, strict=False):
        require(sizes == SIZES, f"sizes to stay {SIZES}", sizes)
        require(batches == BATCHES, f"batch sizes to stay {BATCHES}", batches)
    require(sizes == SIZES, f"sizes to stay {SIZES}", sizes)
    require(batches == BATCHES, f"batch sizes to stay {BATCHES}", batches)


@check("what is random comes from the generator that it is given")
def uses_its_own_generator(subject: Subject) -> None:
    came = []
    for seed in range(8):
        with seeded_globally(seed), untouched():
            came.append(epoch(build(subject)))
    for other in came:
        require_equal(came[0], other, "the same steps whatever the global generators' state")


@check("the first step comes before the epoch is laid out, whose examples may be millions")
def is_lazy(subject: Subject) -> None:
    epoch(build(subject))  # what is imported on the way is no step's
    sizes, batches = dict.fromkeys(SIZES, HUGE), dict.fromkeys(SIZES, 8)
    balancer = build(subject)
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        next(iter(balancer.steps(sizes, batches, 0.0, random.Random(0))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not was_tracing:
            tracemalloc.stop()
    require(
        peak - before < SMALL_MEMORY,
        f"the first step of 3 x {HUGE:,} examples within {SMALL_MEMORY // 1024} KiB",
        f"{(peak - before) // 1024:,} KiB",
    )


@check("it does without torch, which planning must not import", inapplicable=listed_with_torch)
def needs_no_torch(subject: Subject) -> None:
    step = f"dict(next(iter(made.steps({SIZES}, {BATCHES}, 0.0, random.Random(7)))))"
    require(
        not ask(subject, step, setup=BEGIN).torch, "no import of torch", "one, for its first step"
    )


@check(
    "of an ordinary cell `rejects` gives a reason or None",
    inapplicable=lambda subject: None if subject.spec.rejects else "it rejects no cell",
)
def rejects_with_a_reason(subject: Subject) -> None:
    require_reason(subject.spec.rejects(ordinary_cell(subject)), "rejects")


def _taken(subject: Subject) -> Iterator[Counter[str]]:
    """Yield how many examples of each task every epoch of a run takes, with either budget."""
    for budget in BUDGETS:
        balancer = build(subject, budget)
        for progress in progresses():
            yield total(epoch(balancer, progress=progress))
