"""Checks of combiners: what they remember between steps, and by which name."""

import json
from typing import Any

from mtbench.testing.checks import Checks, Subject, fail, require, unless_promised
from mtbench.testing.combiner_trials import (
    NAMES,
    Player,
    distance,
    falling,
    general,
    matrix,
    require_along,
    require_same,
)

STEPS = 20  # in which something to remember is met
COUNTS = (1, 3, 20, 60, 150, 300)  # of steps after which a state is saved and loaded
AFTER = 5  # steps are compared then
EXACT = 1e-9

check = Checks("combiner")


@check("tasks may be absent from a step, come back, and come late")
def absent_tasks(subject: Subject) -> None:
    """Take steps of different tasks; one that is alone keeps the direction of its gradient."""
    player = Player(subject)
    a, b, c, d = NAMES[:4]
    for tasks in ((a, b, c), (a, c), (b,), (d, a), (a, b, c), (c, d, b, a)):
        rows = general(len(tasks), 5, seed=len(tasks))
        update = player.update(rows, losses=falling(player.step, tasks), tasks=tasks)
        if len(tasks) == 1:
            require_along(update, rows[0], "the only task's gradient, up to a positive factor")


@check(
    "what it remembers of a task goes by its name, not by its place",
    inapplicable=unless_promised("permutation-equivariant"),
)
def remembers_by_name(subject: Subject) -> None:
    """Have two see the same steps in another order, then a new task in second place."""
    a, b, c = NAMES[:3]
    rows = general(2, 5)
    updates = []
    for order in ([0, 1], [1, 0]):
        player = Player(subject)
        tasks = [(a, b)[i] for i in order]
        for _ in range(STEPS):
            player.update(rows[order], losses=falling(player.step, tasks), tasks=tasks)
        updates.append(player.update(general(2, 5, seed=1), losses=[1.0, 0.3], tasks=[a, c]))
    expected = f"an update that does not depend on where {a!r} stood before"
    require_same(updates[0], updates[1], general(2, 5, seed=1), expected, to=1e-6)


@check("its state goes through JSON, and another goes on from there with the same updates")
def state_round_trip(subject: Subject) -> None:
    """Train it, save and load now and then, and compare; without a state, a fresh one must agree.

    A memory may act late, after a warm-up, or once in a hundred steps.
    """
    trained = Player(subject)
    names = [n for n in ("state_dict", "load_state_dict") if hasattr(trained.combiner, n)]
    require(len(names) != 1, "state_dict and load_state_dict", f"{''.join(names)} alone")
    for steps in COUNTS:
        trained.train(steps - trained.step)
        other = Player(subject)
        if names:
            other.combiner.load_state_dict(_through_json(trained.combiner.state_dict()))
        other.step = trained.step
        other.generator.set_state(trained.generator.get_state())
        for _ in range(AFTER):
            losses = falling(trained.step, NAMES[:3])
            update = trained.update(general(3, 5), losses=losses)
            came = other.update(general(3, 5), losses=losses)
            if names:
                expected = "the same updates from a loaded state"
                require_same(came, update, general(3, 5), expected, to=EXACT)
            elif distance(came, update, general(3, 5)) > EXACT:
                fail("state_dict and load_state_dict, since it remembers past steps", "neither")


def _through_json(state: Any) -> Any:
    """Return a state as it comes back from a file."""
    try:
        text = json.dumps(state, allow_nan=False)
    except (TypeError, ValueError) as error:
        fail("a state of JSON values", f"{type(error).__name__}: {error}")
    return json.loads(text)


@check("a fresh one knows nothing of what another has seen")
def starts_anew(subject: Subject) -> None:
    """Compare a fresh one before and after another was trained."""
    before = Player(subject).probe()
    Player(subject).train(STEPS)
    after = Player(subject).probe()
    expected = "the same update of a fresh combiner, whatever others did"
    require_same(after, before, general(3, 5, seed=1), expected, to=EXACT)


@check("it has a method observe exactly where its spec says so, which takes losses by task name")
def observes(subject: Subject) -> None:
    """Call it with losses that fall, rise, stay and vanish, for a task that was absent too."""
    player = Player(subject)
    has = callable(getattr(player.combiner, "observe", None))
    if not subject.spec.observes:
        require(not has, "observes=True in the spec of a combiner with observe", "observes=False")
        return
    require(has, "a method observe, since the spec says observes", "none")
    rows = matrix([[1.0, 0.0], [0.0, 1.0]])
    for tasks in (NAMES[:2], NAMES[1:3]):
        for after in ([0.5, 0.9], [2.0, 1.1], [1.0, 1.0], [0.0, 0.0]):
            player.update(rows, losses=[1.0, 1.0], after=after, tasks=tasks)
    before, after_ = dict.fromkeys(NAMES[1:3], 1.0), dict.fromkeys(NAMES[1:3], 0.5)
    player.answer(player.input(rows, tasks=NAMES[1:3]), 2)
    player.combiner.observe(before, after_)
    same = set(before.values()) == {1.0} and set(after_.values()) == {0.5}
    require(same, "the losses as they were handed over", f"{before}, {after_}")
