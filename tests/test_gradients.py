import weakref

import pytest
import torch
from torch import nn

from mtbench.gradients import (
    BrokenCombiner,
    GradientOracle,
    NonFiniteGradient,
    NonFiniteLoss,
    Portion,
)
from mtbench_builtins.combiners.pcgrad import pcgrad_weights

TASKS = ("a", "b", "c")
ORDERS = ((2, 1), (0, 2), (1, 0))


class Weights:
    """A combiner that answers what a function makes of its input, and keeps the input."""

    def __init__(self, answer):
        self.answer = answer
        self.seen = []

    def combine(self, x):
        self.seen.append(x)
        return self.answer(x)


def ones(x):
    return torch.ones(len(x.tasks), dtype=torch.float64)


def inverse_losses(x):
    return 1 / x.losses


def surgery(x):
    return pcgrad_weights(x.gramian, ORDERS)


class Toy(nn.Module):
    """Two shared layers and three heads, float64, with a counted forward."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.encoder = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh())
            self.heads = nn.ModuleDict({task: nn.Linear(5, 1) for task in TASKS})
        self.double()
        self.calls = []

    def forward(self, batches):
        self.calls.append(tuple(batches))
        return {
            task: (self.heads[task](self.encoder(x)).squeeze(1) - y).square().mean()
            for task, (x, y) in batches.items()
        }

    def shared(self):
        return list(self.encoder.parameters())

    def private(self):
        return list(self.heads.parameters())

    def gradients(self):
        return [p.grad.clone() for p in (*self.shared(), *self.private())]


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(5)
    sizes = {"a": 8, "b": 6, "c": 4}
    return {
        task: (
            torch.randn(n, 4, dtype=torch.float64, generator=generator),
            3 * torch.randn(n, dtype=torch.float64, generator=generator),
        )
        for task, n in sizes.items()
    }


def oracle_of(combiner, needs, shared, private=()):
    return GradientOracle(combiner, needs, shared, private, torch.Generator())


def oracle_on(toy, combiner, needs):
    return oracle_of(combiner, needs, toy.shared(), toy.private())


def whole(data):
    return {task: [Portion(batch, 1.0)] for task, batch in data.items()}


def cut(data, *, first=3):
    """Cut each task's batch into two portions of unequal size."""
    portions = {}
    for task, (x, y) in data.items():
        n = len(x)
        portions[task] = [
            Portion((x[:first], y[:first]), first / n),
            Portion((x[first:], y[first:]), (n - first) / n),
        ]
    return portions


def surgery_by_vectors(jacobian, orders):
    total = torch.zeros_like(jacobian[0])
    for task, order in enumerate(orders):
        projected = jacobian[task].clone()
        for other in order:
            inner = projected @ jacobian[other]
            if inner < 0:
                projected -= inner / (jacobian[other] @ jacobian[other]) * jacobian[other]
        total += projected
    return total


def plain_gradients(toy, data, task):
    """One task's gradients of the shared parameters (as one vector) and of its head."""
    loss = toy({task: data[task]})[task]
    head = list(toy.heads[task].parameters())
    gradients = torch.autograd.grad(loss, [*toy.shared(), *head])
    n = len(toy.shared())
    return torch.cat([g.flatten() for g in gradients[:n]]), gradients[n:]


def test_gramian_form_equals_surgery_on_the_vectors(toy, data):
    plain = {task: plain_gradients(toy, data, task) for task in TASKS}
    jacobian = torch.stack([shared for shared, _ in plain.values()])
    expected = surgery_by_vectors(jacobian, ORDERS)
    assert (expected - jacobian.sum(0)).abs().max() > 1e-2  # there is something to project

    oracle_on(toy, Weights(surgery), "gramian").step(toy, whole(data), step=0, total_steps=1)

    update = torch.cat([p.grad.flatten() for p in toy.shared()])
    torch.testing.assert_close(update, expected, rtol=0, atol=1e-10)
    for task in TASKS:
        for parameter, gradient in zip(toy.heads[task].parameters(), plain[task][1], strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("needs", "answer"),
    [
        ("losses", inverse_losses),
        ("gramian", surgery),
        ("jacobian", lambda x: x.jacobian.sign().sum(0)),
    ],
)
def test_portions_give_what_the_whole_batch_gives(toy, data, needs, answer):
    oracle = oracle_on(toy, Weights(answer), needs)
    losses = oracle.step(toy, whole(data), step=0, total_steps=1)
    gradients = toy.gradients()
    in_portions = oracle.step(toy, cut(data), step=0, total_steps=1)
    assert in_portions == pytest.approx(losses, rel=1e-12)
    for gradient, expected in zip(toy.gradients(), gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


def test_losses_weight_the_heads_too(toy, data):
    losses = toy(data)
    sum(loss / loss.detach() for loss in losses.values()).backward()
    expected = toy.gradients()
    returned = oracle_on(toy, Weights(inverse_losses), "losses").step(
        toy, whole(data), step=0, total_steps=1
    )
    assert returned == {task: pytest.approx(loss.item()) for task, loss in losses.items()}
    for gradient, value in zip(toy.gradients(), expected, strict=True):
        torch.testing.assert_close(gradient, value, rtol=0, atol=1e-12)


def test_losses_of_single_portions_take_one_forward_of_all_tasks(toy, data):
    oracle_on(toy, Weights(ones), "losses").step(toy, whole(data), step=0, total_steps=1)
    assert toy.calls == [TASKS]


@pytest.mark.parametrize("needs", ["gramian", "jacobian"])
def test_gradients_take_one_forward_a_task(toy, data, needs):
    answer = ones if needs == "gramian" else lambda x: x.jacobian.sum(0)
    oracle_on(toy, Weights(answer), needs).step(toy, whole(data), step=0, total_steps=1)
    assert toy.calls == [("a",), ("b",), ("c",)]


def test_one_portion_is_alive_at_a_time(toy, data):
    activations, alive = [], []

    def forward(batches):
        ((task, (x, y)),) = batches.items()
        alive.append(sum(reference() is not None for reference in activations))
        hidden = toy.encoder(x)
        activations.append(weakref.ref(hidden))
        return {task: (toy.heads[task](hidden).squeeze(1) - y).square().mean()}

    oracle_on(toy, Weights(ones), "gramian").step(forward, cut(data), step=0, total_steps=1)
    assert alive == [0] * 6


def test_combiner_sees_the_step(toy, data):
    combiner = Weights(ones)
    generator = torch.Generator()
    oracle = GradientOracle(combiner, "gramian", toy.shared(), toy.private(), generator)
    present = {task: data[task] for task in ("c", "a")}
    losses = oracle.step(toy, whole(present), step=4, total_steps=9)
    (x,) = combiner.seen
    assert (x.tasks, x.step, x.total_steps) == (("c", "a"), 4, 9)
    assert x.generator is generator
    assert x.losses.tolist() == [losses["c"], losses["a"]]
    assert x.losses.dtype == x.gramian.dtype == torch.float64
    assert x.jacobian is None
    rows = torch.stack([plain_gradients(toy, data, task)[0] for task in x.tasks])
    torch.testing.assert_close(x.gramian, rows @ rows.T, rtol=1e-12, atol=0)
    assert all(p.grad is None for p in toy.heads["b"].parameters())


def test_earlier_gradients_do_not_leak_into_a_step(toy, data):
    oracle = oracle_on(toy, Weights(ones), "gramian")
    oracle.step(toy, whole(data), step=0, total_steps=2)
    first = toy.gradients()
    oracle.step(toy, whole(data), step=1, total_steps=2)
    assert all(map(torch.equal, toy.gradients(), first))


@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
def test_a_parameter_has_a_gradient_exactly_if_a_task_used_it(needs):
    used, by_one, unused = (nn.Parameter(torch.ones(2)) for _ in range(3))

    def forward(batches):
        losses = {"a": used.sum(), "b": (2 * used + 3 * by_one).sum()}
        return {task: losses[task] for task in batches}

    combiner = Weights((lambda x: x.jacobian.sum(0)) if needs == "jacobian" else ones)
    oracle = oracle_of(combiner, needs, [used, by_one, unused])
    oracle.step(
        forward, {"a": [Portion(None, 1.0)], "b": [Portion(None, 1.0)]}, step=0, total_steps=1
    )
    assert used.grad.tolist() == [3, 3]
    assert by_one.grad.tolist() == [3, 3]
    assert unused.grad is None
    if needs == "jacobian":
        rows = combiner.seen[0].jacobian.tolist()
        assert rows == [[1, 1, 0, 0, 0, 0], [2, 2, 3, 3, 0, 0]]


@pytest.mark.parametrize("needs", ["gramian", "jacobian"])
@pytest.mark.parametrize("passed", [True, False])
def test_a_frozen_encoder_leaves_nothing_to_combine(toy, data, needs, passed):
    toy.encoder.requires_grad_(False)
    combiner = Weights(ones)
    shared = toy.shared() if passed else []
    oracle = oracle_of(combiner, needs, shared, toy.private())
    oracle.step(toy, whole(data), step=0, total_steps=1)
    assert combiner.seen == []
    assert all(p.grad is None for p in toy.shared())
    for task in TASKS:
        loss = toy({task: data[task]})[task]
        head = list(toy.heads[task].parameters())
        for parameter, gradient in zip(head, torch.autograd.grad(loss, head), strict=True):
            torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("needs", ["losses", "gramian"])
def test_a_head_without_parameters_over_a_frozen_encoder_learns_nothing(needs):
    head = nn.Parameter(torch.ones(1))

    def forward(batches):
        losses = {"a": 2 * head.sum(), "b": torch.tensor(0.5)}
        return {task: losses[task] for task in batches}

    portions = {"a": [Portion(None, 1.0)], "b": [Portion(None, 1.0)]}
    oracle = oracle_of(Weights(ones), needs, [], [head])
    assert oracle.step(forward, portions, step=0, total_steps=1) == {"a": 2.0, "b": 0.5}
    assert head.grad.tolist() == [2]
    alone = {"b": portions["b"]}
    assert oracle.step(forward, alone, step=1, total_steps=2) == {"b": 0.5}
    assert head.grad is None


def test_a_loss_cut_off_from_the_encoder_is_a_bug():
    shared = nn.Parameter(torch.ones(1))
    oracle = oracle_of(Weights(ones), "gramian", [shared])
    with pytest.raises(RuntimeError, match="does not require grad"):
        oracle.step(
            lambda _: {"a": shared.sum().detach()},
            {"a": [Portion(None, 1.0)]},
            step=0,
            total_steps=1,
        )


@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_non_finite_loss_is_never_differentiated(needs, value):
    shared = nn.Parameter(torch.ones(1))
    combiner = Weights(ones)
    oracle = oracle_of(combiner, needs, [shared])

    def forward(batches):
        return {task: shared.sum() * batch for task, batch in batches.items()}

    with pytest.raises(NonFiniteLoss, match=r"task 'b' is (nan|inf) at step 8") as caught:
        oracle.step(
            forward, {"b": [Portion(value, 1.0)], "a": [Portion(1, 1.0)]}, step=7, total_steps=8
        )
    assert isinstance(caught.value, ArithmeticError)
    assert (caught.value.task, caught.value.step) == ("b", 7)
    assert shared.grad is None
    assert combiner.seen == []


@pytest.mark.parametrize("needs", ["gramian", "jacobian"])
def test_a_non_finite_gradient_names_its_task(needs):
    shared = nn.Parameter(torch.zeros(1))
    combiner = Weights(ones)

    def forward(batches):
        losses = {"a": shared.sum(), "b": shared.sqrt().sum()}
        return {task: losses[task] for task in batches}

    oracle = oracle_of(combiner, needs, [shared])
    portions = {"a": [Portion(None, 1.0)], "b": [Portion(None, 1.0)]}
    with pytest.raises(NonFiniteGradient, match="task 'b' is not finite at step 4") as caught:
        oracle.step(forward, portions, step=3, total_steps=8)
    assert isinstance(caught.value, ArithmeticError)
    assert (caught.value.task, caught.value.step) == ("b", 3)
    assert combiner.seen == []


@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "returned None, not a tensor"),
        (torch.ones(5), r"returned shape \[5\], not \[3\]"),
        (torch.ones(3, 1), r"returned shape \[3, 1\], not \[3\]"),
        (torch.tensor([1.0, float("nan"), 1.0]), "not finite: .*nan"),
    ],
)
def test_a_broken_combiner_is_told_what_it_returned(needs, answer, said):
    shared = nn.Parameter(torch.ones(3))
    oracle = oracle_of(Weights(lambda _: answer), needs, [shared])
    with pytest.raises(BrokenCombiner, match=rf"Weights.combine at step 3 .*{said}"):
        oracle.step(
            lambda batches: {task: shared.sum() for task in batches},
            {task: [Portion(None, 1.0)] for task in TASKS},
            step=2,
            total_steps=3,
        )
