"""What the conformance kit asks of a combiner: its answers, its memory and its manners.

Tolerances are moderate, 1e-3 of an update's length where a solver may be at work, because a
solver stops early by design; what is wrong differs by far more.
"""

import json
from typing import Any

import torch

from mtbench.testing.checks import (
    Checks,
    Subject,
    fail,
    require,
    unless_promised,
    unless_rejecting,
)
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
from mtbench.testing.trials import (
    ordinary_cell,
    require_one_device,
    require_reason,
    seeded_globally,
    untouched,
)

A = [[1.0, 0.0], [-1.0, 1.0]]  # two gradients in conflict
B = [[1.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]]  # the first against both others
C = [[1.0, 0.0], [-2.0, 1.0], [-1.0, -3.0]]  # all against each other, without a symmetry
SOLVED, EXACT = 1e-3, 1e-9
PATIENCE = 400
"""Steps in which it must differ from the sum: one that looks at epochs may wait for one."""
TRAINED = (1, 20, 150)
"""Steps after which a state is saved and loaded: a memory may act late, after a warm-up."""

check = Checks("combiner")


@check("its answer has a finite number a task or, to a Jacobian, a parameter", basic=True)
def answers_in_shape(subject: Subject) -> None:
    """Ask it for 1, 2, 3, 5 and 12 tasks; in the last case the Gramian is singular."""
    for m, n in ((1, 7), (2, 7), (3, 7), (5, 7), (12, 20), (12, 4)):
        Player(subject).update(general(m, n))


@check("one task alone, and tasks that agree, keep their gradient, up to a positive factor")
def keeps_what_agrees(subject: Subject) -> None:
    """Take three steps of one task, and one of three tasks with one gradient (rank one).

    The factor is free: CAGrad's update of one task is 1 + c times as long, and a weight of
    losses is learned.
    """
    player = Player(subject)
    for step in range(3):
        update = player.update([[3.0, -4.0, 0.0]], losses=[0.7**step])
        require_along(update, [3, -4, 0], "a positive multiple of (3, -4, 0)")
    update = Player(subject).update([[1.0, 2.0, -2.0]] * 3, losses=[0.5, 1.0, 2.0])
    require_along(update, [1, 2, -2], "a positive multiple of the tasks' one gradient (1, 2, -2)")


@check("zeros and exactly opposite gradients give finite numbers, and zeros alone give zeros")
def zero_gradients(subject: Subject) -> None:
    """Give gradients whose lengths, sum, or Gramian's determinant is zero."""
    Player(subject).update([[0.0, 0.0], [1.0, 2.0], [-1.0, 1.0]])
    Player(subject).update([[1.0, 2.0], [-1.0, -2.0]])
    Player(subject).update([[1.0, 2.0], [-2.0, -4.0], [0.0, 1.0]])
    update = Player(subject).update([[0.0, 0.0]] * 3)
    require(not update.any(), "an update of zeros for gradients of zeros", update.tolist())


@check("losses of zero, and large ones, give finite numbers")
def extreme_losses(subject: Subject) -> None:
    """A ratio of losses or a logarithm that is not guarded fails here."""
    player = Player(subject)
    for losses in ([0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1e4, 0.0], [1e4, 1.0]):
        player.update(A, losses=losses, after=losses)


@check(
    "gradients c times as long give an update c times as long",
    inapplicable=lambda subject: (
        "it is given losses, no gradients" if subject.spec.needs == "losses" else None
    ),
)
def scale(subject: Subject) -> None:
    """Compare at c = 1e-3, 1e-6 and 1e3: an absolute epsilon shows. Golden case I."""
    for rows in (matrix(A), matrix(B), general(3, 5), general(4, 6, seed=1)):
        for c in (1e-3, 1e-6, 1e3):
            plain, scaled = Player(subject), Player(subject)
            for _ in range(3):
                update, of_scaled = plain.update(rows), scaled.update(c * rows) / c
                require_same(of_scaled, update, rows, f"f({c:g} J) / {c:g} = f(J)", to=SOLVED)


@check("on conflicting gradients it is not the sum, nor a multiple of it")
def differs_from_sum(subject: Subject) -> None:
    """Train with falling losses, and look for an update whose direction is another.

    Two sets of conflicting gradients are tried: on some, a sound combiner may well agree with
    the sum, and one that weighs by the past starts as the sum.
    """
    for rows in (matrix(A), matrix(C)):
        player = Player(subject)
        total, tasks = rows.sum(dim=0), NAMES[: len(rows)]
        for _ in range(PATIENCE):
            update = player.update(rows, losses=falling(player.step, tasks))
            factor = (update @ total) / (total @ total)
            if (update - factor * total).norm() > 1e-6 * update.norm():
                return
    expected = f"something else than the sum of {rows.tolist()} within {PATIENCE} steps"
    fail(expected, f"{factor.item():.4g} times the sum, {update.tolist()}")


@check(
    "the order of the tasks changes nothing; what it remembers of one goes by its name",
    inapplicable=unless_promised("permutation-equivariant"),
)
def permutation_equivariant(subject: Subject) -> None:
    """Compare steps with the same ones in another order, then with a new task in second place."""
    order = [2, 0, 3, 1]
    tasks, rows = NAMES[:4], general(4, 6)
    first, second = Player(subject), Player(subject)
    for step in range(5):
        losses = falling(step, tasks)
        update = first.update(rows, losses=losses, tasks=tasks)
        permuted = second.update(
            rows[order], losses=[losses[i] for i in order], tasks=[tasks[i] for i in order]
        )
        require_same(permuted, update, rows, "the same update in any order of tasks", to=SOLVED)
    update, came = (p.update(rows[:2], tasks=NAMES[:5:4]) for p in (first, second))
    expected = f"an update that does not depend on where {NAMES[0]!r} stood before"
    require_same(came, update, rows[:2], expected, to=SOLVED)


@check("tasks may be absent from a step, come back, and come late")
def absent_tasks(subject: Subject) -> None:
    """Take steps of different tasks; one that is alone keeps the direction of its gradient."""
    player = Player(subject)
    a, b, c, d = NAMES[:4]
    for tasks in ((a, b, c), (a, c), (b,), (d, a), (a, b, c), (c, d, b, a)):
        rows = general(len(tasks), 5, seed=len(tasks))
        update = player.update(rows, losses=falling(player.step, tasks), tasks=tasks)
        if len(tasks) == 1:
            require_along(
                update, rows[0].tolist(), "the only task's gradient, up to a positive factor"
            )


@check("its state goes through JSON, and another goes on from there with the same updates")
def state_round_trip(subject: Subject) -> None:
    """Train it, save and load now and then, and compare; without a state, a fresh one must agree.

    A memory may act late, after a warm-up, or once in a hundred steps.
    """
    trained = Player(subject)
    names = [n for n in ("state_dict", "load_state_dict") if hasattr(trained.combiner, n)]
    require(len(names) != 1, "state_dict and load_state_dict", f"{''.join(names)} alone")
    for steps in TRAINED:
        trained.train(steps - trained.step)
        resumed = Player(subject)
        if names:
            resumed.combiner.load_state_dict(_through_json(trained.combiner.state_dict()))
        resumed.step = trained.step
        resumed.generator.set_state(trained.generator.get_state())
        for _ in range(5):
            update, came = trained.follow(), resumed.follow()
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
    """Compare what fresh ones make of one step, before and after another was trained."""
    rows, losses = general(3, 5, seed=1), [0.3, 2.0, 1.0]
    before = Player(subject).update(rows, losses=losses)
    Player(subject).train(20)
    after = Player(subject).update(rows, losses=losses)
    expected = "the same update of a fresh combiner, whatever others did"
    require_same(after, before, rows, expected, to=EXACT)


@check("it has a method observe exactly where its spec says so, which takes losses by task name")
def observes(subject: Subject) -> None:
    """Call it with losses that fall, rise, stay and vanish, for a task that was absent too."""
    player = Player(subject)
    has = callable(getattr(player.combiner, "observe", None))
    if not subject.spec.observes:
        require(not has, "observes=True in the spec of a combiner with observe", "observes=False")
        return
    require(has, "a method observe, since the spec says observes", "none")
    for tasks in (NAMES[:2], NAMES[1:3]):
        for after in ([0.5, 0.9], [2.0, 1.1], [1.0, 1.0], [0.0, 0.0]):
            player.update(A, losses=[1.0, 1.0], after=after, tasks=tasks)


@check("what is random comes from its own generator, and goes on there from step to step")
def draws_from_its_generator(subject: Subject) -> None:
    """Compare steps with other global seeds; its generator must not be seeded anew. Case J."""
    updates = []
    for elsewhere in (1, 2):
        with seeded_globally(elsewhere), untouched():
            player = Player(subject, seed=3)
            updates.append([player.update(general(4, 6)) for _ in range(3)])
            seed = player.generator.initial_seed()
            require(seed == 3, "its generator as it was seeded", f"one seeded anew with {seed}")
    for first, second in zip(*updates, strict=True):
        expected = "the same updates from the same generator, whatever the global ones are"
        require_same(first, second, general(4, 6), expected, to=EXACT)


@check("it leaves what it is given as it was")
def leaves_its_input(subject: Subject) -> None:
    """Compare losses, Gramian and Jacobian with those that it was given."""
    player, rows = Player(subject), general(3, 5)
    for losses in ([0.5, 1.0, 2.0], [0.4, 0.9, 1.9]):
        x, before = (player.input(rows.clone(), losses=losses) for _ in range(2))
        player.answer(x, rows.shape[1] if x.jacobian is not None else len(rows))
        for name in ("losses", "gramian", "jacobian"):
            tensor, copy = getattr(x, name), getattr(before, name)
            same = tensor is None or torch.equal(tensor, copy)
            require(same, f"x.{name} as it was", "a changed one")


@check(
    "a Jacobian of any precision, on any device, is answered",
    inapplicable=lambda subject: (
        None if subject.spec.needs == "jacobian" else "it is given nothing on a device"
    ),
)
def follows_the_jacobian(subject: Subject) -> None:
    """Give it float32, torch's device without numbers, and CUDA where that is."""
    Player(subject).update(general(3, 5).float())
    player = Player(subject)
    x = player.input(general(3, 5).to("meta"))
    require_one_device(lambda: player.combiner.combine(x))
    if torch.cuda.is_available():
        player = Player(subject)
        answer = player.answer(player.input(general(3, 5).to("cuda")), 5)
        require(answer.is_cuda, "an answer on the Jacobian's device", answer.device)


@check("of an ordinary cell `rejects` gives a reason or None", inapplicable=unless_rejecting)
def rejects_with_a_reason(subject: Subject) -> None:
    """Ask for a cell of three tasks of different kinds."""
    require_reason(subject.spec.rejects(ordinary_cell(subject)))
