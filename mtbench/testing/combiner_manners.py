"""Checks of combiners: what they leave alone, what they cost, and their place in a step."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from mtbench.gradients.oracle import GradientOracle, Portion
from mtbench.gradients.segments import Segments
from mtbench.testing.cells import ordinary_cell, require_reason
from mtbench.testing.checks import Checks, Subject, fail, require
from mtbench.testing.combiner_trials import (
    NAMES,
    TOTAL_STEPS,
    B,
    Player,
    general,
    matrix,
    require_same,
)
from mtbench.testing.devices import require_one_device
from mtbench.testing.generators import seeded_globally, untouched
from mtbench.testing.work import TooMuch, rounded_in, work_of

EXACT = 1e-9
FIRST, FLOOR = 2_000_000, 100_000
"""Work that is never too much, for four tasks and for more: of a solver's some hundred steps."""
CUBIC = 12
"""How much more work twice the tasks may be: 8 for a cubic cost, and half as many steps again."""

check = Checks("combiner")


def _other_than_gramian(subject: Subject) -> str | None:
    return None if subject.spec.needs == "gramian" else "it is given no Gramian"


def _other_than_jacobian(subject: Subject) -> str | None:
    return None if subject.spec.needs == "jacobian" else "it is given nothing on a device"


@check("it moves no global generator: not torch's, numpy's or Python's")
def leaves_global_generators(subject: Subject) -> None:
    """Compare their states after steps. Golden case J."""
    with untouched():
        Player(subject).train(5)


@check("what is random comes from its own generator, and goes on there from step to step")
def draws_from_its_generator(subject: Subject) -> None:
    """Compare steps with other global seeds; its generator must not be seeded anew. Case J."""
    updates = []
    for elsewhere in (1, 2):
        with seeded_globally(elsewhere):
            player = Player(subject, seed=3)
            updates.append([player.update(general(4, 6)) for _ in range(3)])
            require(
                player.generator.initial_seed() == 3,
                "its generator as it was seeded",
                f"one seeded anew with {player.generator.initial_seed()}",
            )
    for first, second in zip(*updates, strict=True):
        expected = "the same updates from the same generator, whatever the global ones are"
        require_same(first, second, general(4, 6), expected, to=EXACT)


@check("it leaves what it is given as it was")
def leaves_its_input(subject: Subject) -> None:
    """Compare losses, Gramian and Jacobian with copies, after each of three steps."""
    player, rows = Player(subject), general(3, 5)
    for _ in range(3):
        x = player.input(rows.clone(), losses=[0.5, 1.0, 2.0])
        given = {"losses": x.losses, "gramian": x.gramian, "jacobian": x.jacobian}
        copies = {name: None if t is None else t.clone() for name, t in given.items()}
        player.answer(x, rows.shape[1] if x.jacobian is not None else len(rows))
        player.step += 1
        for name, tensor in given.items():
            copy = copies[name]
            same = tensor is None or (copy is not None and torch.equal(tensor, copy))
            require(same, f"x.{name} as it was", "a changed one")


@check("it leaves autograd alone: its answer asks for no gradient, under no_grad or not")
def leaves_autograd(subject: Subject) -> None:
    """Compare answers with gradients switched on and off."""
    answers = []
    for context in (nullcontext(), torch.no_grad()):
        player = Player(subject)
        x = player.input(general(3, 5))
        with context:
            enabled = torch.is_grad_enabled()
            answer = player.combiner.combine(x)
            require(torch.is_grad_enabled() == enabled, "gradients switched as before", "changed")
        require(not answer.requires_grad, "an answer that asks for no gradient", "one that does")
        answers.append(answer)
    require(torch.allclose(*answers), "the same answer under no_grad", answers[1].tolist())


@check("its algebra on the Gramian is float64 throughout", inapplicable=_other_than_gramian)
def double_precision(subject: Subject) -> None:
    """Watch for an operation that rounds: in float32 inner products lose half their digits."""
    player = Player(subject)
    x = player.input(general(4, 6))
    rounded = rounded_in(lambda: player.combiner.combine(x))
    require(not rounded, "float64 throughout", f"fewer digits after {', '.join(rounded)}")
    weights = Player(subject).combiner.combine(x)
    require(weights.dtype == torch.float64, "weights in float64", weights.dtype)


@check(
    "a Jacobian of any precision, on any device, is answered", inapplicable=_other_than_jacobian
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


@check("with twice the tasks its work is at most cubic")
def work_in_tasks(subject: Subject) -> None:
    """Count lines of Python and numbers of torch's results for 4, 8 and 16 tasks.

    Twice the tasks may be twelve times the work: eight for a cubic cost, and half as many steps
    again for a solver. All subsets of the tasks, or all their orders, are far beyond.
    """
    first = Player(subject)
    first.update(general(4, 20))  # what is imported on the way is no part of a step
    package = type(first.combiner).__module__.partition(".")[0]
    allowed = FIRST
    for tasks in (4, 8, 16):
        player = Player(subject)
        x = player.input(general(tasks, 20), tasks=NAMES[:tasks])
        try:
            done = work_of(partial(player.combiner.combine, x), package, at_most=allowed)
        except TooMuch:
            fail(f"at most {allowed} lines and numbers for {tasks} tasks", "more")
        allowed = max(FLOOR, CUBIC * done)


@check("in a step of training its update reaches the shared parameters and no others")
def takes_part_in_a_step(subject: Subject) -> None:
    """Take a step as training does: two micro-batches of a task, heads, an idle parameter.

    Golden cases D (heads are not shared), E (a parameter that no task used has no gradient) and
    G (gradients are accumulated before they are combined).
    """
    rows, losses = matrix(B), [0.5, 1.0, 2.0]
    expected = Player(subject)
    x = expected.input(rows, losses=losses)
    answer = expected.answer(x, rows.shape[1] if x.jacobian is not None else len(rows)).double()
    update = answer if x.jacobian is not None else answer @ rows
    weights = answer if subject.spec.needs == "losses" else torch.ones(3).double()

    player = Player(subject)
    shared, idle = (nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(2))
    heads = [nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in rows]
    oracle = GradientOracle(
        player.combiner, subject.spec.needs, [shared, idle], heads, player.generator
    )

    def forward(
        batches: Mapping[str, tuple[int, Tensor]], _: Segments | None
    ) -> dict[str, Tensor]:
        return {
            task: losses[index] + gradient @ shared + heads[index]
            for task, (index, gradient) in batches.items()
        }

    more = torch.tensor([0.5, -0.5], dtype=torch.float64)
    portions = {NAMES[i]: [Portion((i, row), 1.0)] for i, row in enumerate(rows)}
    portions[NAMES[0]] = [Portion((0, rows[0] + more), 0.5), Portion((0, rows[0] - more), 0.5)]
    oracle.step(forward, portions, step=0, total_steps=TOTAL_STEPS)

    require(idle.grad is None, "no gradient in a parameter that no task used", idle.grad)
    assert shared.grad is not None
    require_same(shared.grad, update, rows, "the update in the shared parameters", to=EXACT)
    came = torch.stack([head.grad for head in heads if head.grad is not None])
    require(torch.allclose(came, weights), f"{weights.tolist()} in the heads", came.tolist())


@check(
    "of an ordinary cell `rejects` gives a reason or None",
    inapplicable=lambda subject: None if subject.spec.rejects else "it rejects no cell",
)
def rejects_with_a_reason(subject: Subject) -> None:
    """Ask for a cell of three tasks of different kinds."""
    require_reason(subject.spec.rejects(ordinary_cell(subject)), "rejects")
