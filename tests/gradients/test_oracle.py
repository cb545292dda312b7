import weakref
from contextlib import nullcontext
from itertools import accumulate, pairwise

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mtbench.gradients.oracle import (
    BrokenCombiner,
    GradientOracle,
    NonFiniteGradient,
    NonFiniteLoss,
    Portion,
)
from mtbench.gradients.segments import Segments
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from mtbench.protocols import EncoderOutput, Tokens
from mtbench_builtins.combiners.pcgrad import pcgrad_weights

TASKS = ("a", "b", "c")
ORDERS = ((2, 1), (0, 2), (1, 0))
VOCABULARY = 12


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


class Encoder(nn.Module):
    """A table, a norm and two layers: [T] tokens to [N, 5], one matrix of them a long one."""

    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(VOCABULARY, 64)
        self.norm = nn.LayerNorm(64)
        self.inner = nn.Linear(64, 64)
        self.outer = nn.Linear(64, 5)
        self.unused = nn.Linear(2, 2)

    def forward(self, batch):
        states = torch.tanh(self.inner(self.norm(self.word(batch.ids))))
        return torch.tanh(self.outer(pool(EncoderOutput(states, states), batch, "mean")))


class Toy(nn.Module):
    """An encoder and three heads, float64, with counted passes."""

    def __init__(self, *, by_segments):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.encoder = Encoder()
            self.heads = nn.ModuleDict({task: nn.Linear(5, 1) for task in TASKS})
        self.double()
        self.by_segments = by_segments
        self.calls = []

    def forward(self, batches, segments=None):
        self.calls.append(tuple(batches))
        given = [sequence for sequences, _ in batches.values() for sequence in sequences]
        parts = [len(sequences) for sequences, _ in batches.values()]
        batch = ragged(given, parts)
        with segments.recording(batch, list(batches)) if segments else nullcontext():
            embeddings = self.encoder(batch).split(parts)
        return {
            task: (self.heads[task](embedding).squeeze(1) - labels).square().mean()
            for (task, (_, labels)), embedding in zip(batches.items(), embeddings, strict=True)
        }

    def oracle(self, combiner, needs, shared=None, generator=None):
        return GradientOracle(
            combiner,
            needs,
            self.shared() if shared is None else shared,
            self.private(),
            torch.Generator() if generator is None else generator,
            segments=Segments(self.encoder) if self.by_segments else None,
        )

    def shared(self):
        return list(self.encoder.parameters())

    def private(self):
        return list(self.heads.parameters())

    def gradients(self):
        return [
            None if p.grad is None else p.grad.clone() for p in (*self.shared(), *self.private())
        ]


BOTH_WAYS = pytest.mark.parametrize("by_segments", [False, True], ids=["in turn", "by segments"])


@pytest.fixture(params=[False, True], ids=["in turn", "by segments"])
def toy(request):
    return Toy(by_segments=request.param)


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(7)

    def sequence():
        length = int(torch.randint(1, 5, (), generator=generator))
        ids = torch.randint(0, VOCABULARY, (length,), generator=generator).tolist()
        return Tokens(ids, [0] * length)

    sizes = {"a": 8, "b": 6, "c": 4}
    return {
        task: (
            [sequence() for _ in range(n)],
            3 * torch.randn(n, dtype=torch.float64, generator=generator),
        )
        for task, n in sizes.items()
    }


def segments_of(encoder, by_segments):
    return Segments(encoder) if by_segments else None


def oracle_of(combiner, needs, shared, private=(), segments=None):
    return GradientOracle(combiner, needs, shared, private, torch.Generator(), segments=segments)


def whole(data):
    return {task: [Portion(batch, 1.0)] for task, batch in data.items()}


SIZES = {"a": (3, 4, 1), "b": (1, 5), "c": (4,)}
"""Portions of unequal size, and not as many of each task."""


def cut(data, sizes=SIZES):
    """Cut each task's batch into portions."""
    portions = {}
    for task, (sequences, labels) in data.items():
        ends = list(accumulate(sizes[task], initial=0))
        assert ends[-1] == len(sequences)
        portions[task] = [
            Portion((sequences[a:b], labels[a:b]), (b - a) / ends[-1]) for a, b in pairwise(ends)
        ]
    return portions


def assert_equal_gradients(gradients, expected, *, atol=1e-12):
    for gradient, value in zip(gradients, expected, strict=True):
        assert (gradient is None) == (value is None)
        if value is not None:
            torch.testing.assert_close(gradient, value, rtol=0, atol=atol)


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
    gradients = torch.autograd.grad(loss, [*toy.shared(), *head], materialize_grads=True)
    n = len(toy.shared())
    return torch.cat([g.flatten() for g in gradients[:n]]), gradients[n:]


def test_gramian_form_equals_surgery_on_the_vectors(toy, data):
    plain = {task: plain_gradients(toy, data, task) for task in TASKS}
    jacobian = torch.stack([shared for shared, _ in plain.values()])
    expected = surgery_by_vectors(jacobian, ORDERS)
    assert (expected - jacobian.sum(0)).abs().max() > 1e-2  # there is something to project

    toy.oracle(Weights(surgery), "gramian").step(toy, whole(data), step=0, total_steps=1)

    update = torch.cat([(p.grad if p.grad is not None else 0 * p).flatten() for p in toy.shared()])
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
    oracle = toy.oracle(Weights(answer), needs)
    losses = oracle.step(toy, whole(data), step=0, total_steps=1)
    gradients = toy.gradients()
    toy.calls.clear()
    in_portions = oracle.step(toy, cut(data), step=0, total_steps=1)
    assert in_portions == pytest.approx(losses, rel=1e-12)
    assert_equal_gradients(toy.gradients(), gradients)
    if toy.by_segments and needs != "losses":
        assert toy.calls == [("a", "b", "c"), ("a", "b"), ("a",)]
    else:
        assert toy.calls == [("a",)] * 3 + [("b",)] * 2 + [("c",)]


@pytest.mark.parametrize("sizes", [SIZES, {"a": (8,), "b": (6,), "c": (4,)}], ids=["cut", "whole"])
@pytest.mark.parametrize(
    ("needs", "answer"), [("gramian", surgery), ("jacobian", lambda x: x.jacobian.sign().sum(0))]
)
def test_both_ways_give_the_same_update(data, needs, answer, sizes):
    found = []
    for by_segments in (False, True):
        toy = Toy(by_segments=by_segments)
        losses = toy.oracle(Weights(answer), needs).step(
            toy, cut(data, sizes), step=0, total_steps=1
        )
        found.append((losses, toy.gradients()))
    (losses, gradients), (other, others) = found
    assert other == pytest.approx(losses, rel=1e-12)
    assert_equal_gradients(others, gradients)


def test_steps_of_other_tasks_leave_nothing_behind(toy, data):
    """Buffers are used again; a step is what it would be had there been none before."""
    oracle = toy.oracle(Weights(ones), "gramian")
    for step, tasks in enumerate(["a", "abc", "cb", "bc", "a", "c"]):
        present = {task: data[task] for task in tasks}
        portions = cut(present) if step % 2 else whole(present)
        losses = oracle.step(toy, portions, step=step, total_steps=6)
        gradients = toy.gradients()
        for parameter in toy.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(0.1)  # as clipping does, in place
        fresh = Toy(by_segments=toy.by_segments)
        expected = fresh.oracle(Weights(ones), "gramian").step(
            fresh, portions, step=step, total_steps=6
        )
        assert losses == expected
        assert_equal_gradients(gradients, fresh.gradients(), atol=0)


def test_losses_weight_the_heads_too(toy, data):
    losses = toy(data)
    sum(loss / loss.detach() for loss in losses.values()).backward()
    expected = toy.gradients()
    returned = toy.oracle(Weights(inverse_losses), "losses").step(
        toy, whole(data), step=0, total_steps=1
    )
    assert returned == {task: pytest.approx(loss.item()) for task, loss in losses.items()}
    assert_equal_gradients(toy.gradients(), expected)


@pytest.mark.parametrize("sizes", [SIZES, {"a": (8,), "b": (6,), "c": (4,)}], ids=["cut", "whole"])
def test_no_pass_is_recorded_for_a_combiner_of_losses(toy, data, sizes):
    def forward(batches, segments):
        assert segments is None
        return toy(batches)

    toy.oracle(Weights(ones), "losses").step(forward, cut(data, sizes), step=0, total_steps=1)
    assert len(toy.calls) in (1, 6)


@pytest.mark.parametrize("needs", ["gramian", "jacobian"])
def test_gradients_take_one_pass_of_all_tasks_or_one_a_task(toy, data, needs):
    answer = ones if needs == "gramian" else lambda x: x.jacobian.sum(0)
    passes = []
    toy.encoder.register_forward_hook(lambda *_: passes.append(1))
    toy.oracle(Weights(answer), needs).step(toy, whole(data), step=0, total_steps=1)
    assert toy.calls == ([TASKS] if toy.by_segments else [("a",), ("b",), ("c",)])
    assert len(passes) == len(toy.calls)


@pytest.mark.parametrize("portions", [whole, cut])
@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
def test_losses_alone_take_the_passes_of_a_step_without_gradients(toy, data, needs, portions):
    seen = []

    def forward(batches, segments):
        seen.append((dict(batches), torch.is_grad_enabled()))
        return toy(batches, segments)

    of_step = portions({task: data[task] for task in ("c", "a")})
    answer = ones if needs != "jacobian" else lambda x: x.jacobian.sum(0)
    oracle = toy.oracle(Weights(answer), needs)
    before = oracle.step(forward, of_step, step=0, total_steps=1)
    passes = len(seen)
    after = oracle.losses(forward, of_step, step=0)

    assert list(after.items()) == list(before.items())
    assert seen[passes:] == [(batches, False) for batches, _ in seen[:passes]]
    assert torch.is_grad_enabled()


def test_one_graph_is_alive_at_a_time(toy, data):
    activations, alive = [], []

    def forward(batches, segments):
        alive.append(sum(reference() is not None for reference in activations))
        return toy(batches, segments)

    toy.encoder.register_forward_hook(lambda _, x, y: activations.append(weakref.ref(y)))
    toy.oracle(Weights(ones), "gramian").step(forward, cut(data), step=0, total_steps=1)
    assert alive == [0] * (3 if toy.by_segments else 6)
    assert [activation() for activation in activations] == [None] * len(alive)


@pytest.mark.parametrize("portions", [whole, cut])
@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
def test_no_graph_is_retained(toy, data, needs, portions):
    kept = []

    def forward(batches, segments):
        losses = toy(batches, segments)
        kept.append(torch.stack(list(losses.values())).sum())
        return losses

    answer = ones if needs != "jacobian" else lambda x: x.jacobian.sum(0)
    toy.oracle(Weights(answer), needs).step(forward, portions(data), step=0, total_steps=1)
    assert kept
    for loss in kept:
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            loss.backward()


class Living(TorchDispatchMode):
    """Follows the memory of every tensor that an operation gives, in the backward pass too.

    Attributes:
        most: how many tensors of so many bytes, or parts of one as large, lived at once.
    """

    def __init__(self, size):
        super().__init__()
        self._size = size
        self._known = {}
        self.most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, result)):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._known[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self._known = {k: v for k, v in self._known.items() if not v[0].expired()}
        living = sum(size // self._size for _, size in self._known.values())
        self.most = max(self.most, living)
        return result


@pytest.mark.parametrize("tasks", ["a", "ab", "abc"])
@pytest.mark.parametrize("portions", [whole, cut])
def test_as_many_sets_of_gradients_live_as_there_are_tasks(toy, data, tasks, portions):
    """Nothing else in the toy is as large as the matrix of its inner layer, 64 x 64."""
    weight = toy.encoder.inner.weight
    oracle = toy.oracle(Weights(ones), "gramian")
    present = {task: data[task] for task in tasks}
    with Living(weight.nbytes) as living:
        for step in range(3):
            oracle.step(toy, portions(present), step=step, total_steps=3)
            assert weight.grad is not None
    # The weight itself lives too, and in turn a gradient that torch is adding to a set.
    assert living.most == 1 + len(tasks) + (not toy.by_segments)


def test_combiner_sees_the_step(toy, data):
    combiner = Weights(ones)
    generator = torch.Generator()
    oracle = toy.oracle(combiner, "gramian", generator=generator)
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


@pytest.mark.parametrize("portions", [whole, cut])
def test_a_combiner_of_losses_sees_the_step_too(toy, data, portions):
    combiner = Weights(ones)
    toy.oracle(combiner, "losses").step(toy, portions(data), step=4, total_steps=9)
    (x,) = combiner.seen
    assert (x.tasks, x.step, x.total_steps) == (tuple(data), 4, 9)
    assert (x.gramian, x.jacobian) == (None, None)


@BOTH_WAYS
@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
def test_a_parameter_has_a_gradient_exactly_if_a_task_used_it(needs, by_segments):
    names = ("used", "by_one", "unused")
    encoder = nn.ModuleDict({name: nn.Linear(2, 1, bias=False) for name in names})
    used, by_one, unused = (encoder[name].weight for name in names)

    def forward(batches, segments):
        batch = ragged([Tokens([0], [0])] * len(batches), [1] * len(batches))
        x = torch.ones(len(batches), 2)
        with segments.recording(batch, list(batches)) if segments else nullcontext():
            first = dict(zip(batches, encoder["used"](x).squeeze(1), strict=True))
            if "b" in batches:
                second = dict(zip(batches, encoder["by_one"](x).squeeze(1), strict=True))
        if "b" in batches:
            first["b"] = 2 * first["b"] + 3 * second["b"]
        return first

    combiner = Weights((lambda x: x.jacobian.sum(0)) if needs == "jacobian" else ones)
    shared = [used, by_one, unused]
    oracle = oracle_of(combiner, needs, shared, segments=segments_of(encoder, by_segments))
    oracle.step(
        forward, {"a": [Portion(None, 1.0)], "b": [Portion(None, 1.0)]}, step=0, total_steps=1
    )
    assert used.grad.tolist() == [[3, 3]]
    assert by_one.grad.tolist() == [[3, 3]]
    assert unused.grad is None
    if needs == "jacobian":
        rows = combiner.seen[0].jacobian.tolist()
        assert rows == [[1, 1, 0, 0, 0, 0], [2, 2, 3, 3, 0, 0]]


@pytest.mark.parametrize("needs", ["gramian", "jacobian"])
@pytest.mark.parametrize("passed", [True, False])
def test_a_frozen_encoder_leaves_nothing_to_combine(toy, data, needs, passed):
    toy.encoder.requires_grad_(False)
    combiner = Weights(ones)
    oracle = toy.oracle(combiner, needs, toy.shared() if passed else [])
    oracle.step(toy, whole(data), step=0, total_steps=1)
    assert combiner.seen == []
    assert all(p.grad is None for p in toy.shared())
    for task in TASKS:
        loss = toy({task: data[task]})[task]
        head = list(toy.heads[task].parameters())
        for parameter, gradient in zip(head, torch.autograd.grad(loss, head), strict=True):
            torch.testing.assert_close(parameter.grad, gradient)


@BOTH_WAYS
@pytest.mark.parametrize("needs", ["losses", "gramian"])
def test_a_head_without_parameters_over_a_frozen_encoder_learns_nothing(needs, by_segments):
    head = nn.Parameter(torch.ones(1))
    frozen = nn.Linear(1, 1).requires_grad_(False)

    def forward(batches, segments):
        losses = {"a": 2 * head.sum(), "b": torch.tensor(0.5)}
        return {task: losses[task] for task in batches}

    portions = {"a": [Portion(None, 1.0)], "b": [Portion(None, 1.0)]}
    segments = segments_of(frozen, by_segments)
    oracle = oracle_of(Weights(ones), needs, [], [head], segments)
    assert oracle.step(forward, portions, step=0, total_steps=1) == {"a": 2.0, "b": 0.5}
    assert head.grad.tolist() == [2]
    alone = {"b": portions["b"]}
    assert oracle.step(forward, alone, step=1, total_steps=2) == {"b": 0.5}
    assert head.grad is None


def test_a_loss_cut_off_from_the_encoder_is_a_bug(toy, data):
    def forward(batches, segments):
        return {task: loss.detach() for task, loss in toy(batches, segments).items()}

    oracle = toy.oracle(Weights(ones), "gramian")
    with pytest.raises(RuntimeError, match="does not require grad"):
        oracle.step(forward, whole(data), step=0, total_steps=1)


@pytest.mark.parametrize("portions", [whole, cut])
@pytest.mark.parametrize("needs", ["losses", "gramian", "jacobian"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_non_finite_loss_is_never_differentiated(toy, data, needs, value, portions):
    combiner = Weights(ones)

    def forward(batches, segments):
        losses = toy(batches, segments)
        return {task: loss * value if task == "b" else loss for task, loss in losses.items()}

    order = {task: data[task] for task in ("b", "a", "c")}
    with pytest.raises(NonFiniteLoss, match=r"task 'b' is (nan|inf) at step 8") as caught:
        toy.oracle(combiner, needs).step(forward, portions(order), step=7, total_steps=8)
    with pytest.raises(NonFiniteLoss, match="at step 8"):
        toy.oracle(combiner, needs).losses(forward, portions(order), step=7)
    assert isinstance(caught.value, ArithmeticError)
    assert (caught.value.task, caught.value.step) == ("b", 7)
    assert len(toy.calls) == 2
    assert toy.gradients() == [None] * len(list(toy.parameters()))
    assert combiner.seen == []


@pytest.mark.parametrize("portions", [whole, cut])
@pytest.mark.parametrize("needs", ["gramian", "jacobian"])
def test_a_non_finite_gradient_names_its_task(toy, data, needs, portions):
    """The other tasks' gradients are finite, though they come from the same pass."""
    combiner = Weights(ones)

    def forward(batches, segments):
        losses = toy(batches, segments)
        return {t: (0 * loss).sqrt() if t == "b" else loss for t, loss in losses.items()}

    with pytest.raises(NonFiniteGradient, match="task 'b' is not finite at step 4") as caught:
        toy.oracle(combiner, needs).step(forward, portions(data), step=3, total_steps=8)
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
            lambda batches, _: {task: shared.sum() for task in batches},
            {task: [Portion(None, 1.0)] for task in TASKS},
            step=2,
            total_steps=3,
        )
