"""Checks of combiners: what they make of gradients.

Tolerances are moderate, 1e-3 of an update's length where a solver may be at work, because a
solver stops early by design; what is wrong differs by far more.
"""

from mtbench.testing.checks import Checks, Subject, fail, require, unless_promised
from mtbench.testing.combiner_trials import (
    NAMES,
    A,
    B,
    C,
    Player,
    falling,
    general,
    matrix,
    needs_gradients,
    require_along,
    require_same,
)

SOLVED = 1e-3
STEPS = 400
"""In which a combiner must differ from the sum: one that looks at epochs may wait for one."""

check = Checks("combiner")


@check("it answers with one number a task or, to a Jacobian, a parameter; all are finite")
def answers_in_shape(subject: Subject) -> None:
    """Ask it for 1, 2, 3 and 5 tasks."""
    for m in (1, 2, 3, 5):
        Player(subject).update(general(m, 7))


@check("one task alone keeps its gradient, up to a positive factor")
def one_task_alone(subject: Subject) -> None:
    """Take three steps.

    The factor is free: CAGrad's update of one task is 1 + c times as long, and a weight of
    losses is learned.
    """
    player = Player(subject)
    for step in range(3):
        update = player.update([[3.0, -4.0, 0.0]], losses=[0.7**step])
        require_along(update, matrix([[3.0, -4.0, 0.0]])[0], "a positive multiple of (3, -4, 0)")


@check("tasks that agree keep their gradient, up to a positive factor")
def identical_gradients(subject: Subject) -> None:
    """Give three tasks one gradient and different losses: the Gramian has rank one."""
    row = [1.0, 2.0, -2.0]
    update = Player(subject).update([row] * 3, losses=[0.5, 1.0, 2.0])
    require_along(
        update, matrix([row])[0], "a positive multiple of the tasks' one gradient (1, 2, -2)"
    )


@check("a gradient of zeros gives finite numbers, and zeros alone give zeros")
def zero_gradients(subject: Subject) -> None:
    """Give one task zeros, then all."""
    Player(subject).update([[0.0, 0.0], [1.0, 2.0], [-1.0, 1.0]])
    update = Player(subject).update([[0.0, 0.0]] * 3)
    require(not update.any(), "an update of zeros for gradients of zeros", update.tolist())


@check("exactly opposite gradients give finite numbers")
def opposite_gradients(subject: Subject) -> None:
    """Give gradients whose sum, or whose Gramian's determinant, is zero."""
    Player(subject).update([[1.0, 2.0], [-1.0, -2.0]])
    Player(subject).update([[1.0, 2.0], [-2.0, -4.0]])
    Player(subject).update([[1.0, 2.0], [-1.0, -2.0], [0.0, 1.0]])


@check("twelve tasks give finite numbers, also where there are fewer parameters than tasks")
def many_tasks(subject: Subject) -> None:
    """Give gradients of 20 and of 4 numbers: the second Gramian is singular."""
    Player(subject).update(general(12, 20))
    Player(subject).update(general(12, 4))


@check("losses of zero, and large ones, give finite numbers")
def extreme_losses(subject: Subject) -> None:
    """Take steps in which losses are zero, before and after, then large: cross-entropies are both.

    A ratio of losses or a logarithm that is not guarded fails here.
    """
    player = Player(subject)
    for losses in ([0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1e4, 0.0], [1e4, 1.0]):
        player.update(A, losses=losses, after=losses)


@check("gradients c times as long give an update c times as long", inapplicable=needs_gradients)
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

    Two sets of conflicting gradients are tried, up to 400 steps each: on some, a sound combiner
    may well agree with the sum, and one that weighs by the past starts as the sum.
    """
    for rows in (matrix(A), matrix(C)):
        player = Player(subject)
        total, tasks = rows.sum(dim=0), NAMES[: len(rows)]
        for _ in range(STEPS):
            update = player.update(rows, losses=falling(player.step, tasks))
            factor = (update @ total) / (total @ total)
            if (update - factor * total).norm() > 1e-6 * update.norm():
                return
    expected = f"something else than the sum of {rows.tolist()} within {STEPS} steps"
    fail(expected, f"{factor.item():.4g} times the sum, {update.tolist()}")


@check(
    "the order of the tasks changes nothing",
    inapplicable=unless_promised("permutation-equivariant"),
)
def permutation_equivariant(subject: Subject) -> None:
    """Compare five steps with the same ones in another order of tasks."""
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
