from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from mtbench.gradients.accumulators import BrokenSegments
from mtbench.gradients.jacobian import ParameterGradients, gramian, set_weighted_sum
from mtbench.gradients.segments import Segments
from mtbench.model.batching import ragged
from mtbench.protocols import EncoderOutput, RaggedBatch, Tokens

WIDTH = 4
Compute = Callable[[Any, RaggedBatch], tuple[Tensor, Tensor]]
Lengths = Mapping[str, Sequence[int]]
STEP: Lengths = {"a": (3, 1, 4), "b": (2,), "c": (5, 2)}


# --- encoders, batches and losses -------------------------------------------------------------


class Encoder(nn.Module):
    """What a function makes of some modules: states of the tokens, and of the sequences."""

    def __init__(self, compute: Compute, **modules: nn.Module) -> None:
        super().__init__()
        self.compute = compute
        for name, module in modules.items():
            self.add_module(name, module)
        self.double()

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        return EncoderOutput(*self.compute(self, batch))


def features(batch: RaggedBatch) -> Tensor:
    """Return numbers that depend on a token's id and position, [T, WIDTH]."""
    seeds = batch.ids + 0.3 * batch.positions
    return torch.sin(seeds[:, None] * torch.arange(1, WIDTH + 1, dtype=torch.float64))


def sequences(task: str, lengths: Sequence[int], *, first: int = 0) -> list[Tokens]:
    """Return sequences of ids below 10 that recur within a task and between tasks."""
    start = ord(task) + first
    return [
        Tokens([(start + i * j) % 10 for j in range(n)], [0] * n) for i, n in enumerate(lengths, 1)
    ]


def losses(
    encoder: nn.Module,
    step: Lengths,
    segments: Segments | None = None,
    *,
    without_pooled: Sequence[str] = (),
) -> dict[str, Tensor]:
    """Return a loss a task, of one pass over all of them, as a model with heads does."""
    given = {task: sequences(task, lengths) for task, lengths in step.items()}
    parts = [len(of_task) for of_task in given.values()]
    batch = ragged([s for of_task in given.values() for s in of_task], parts)
    with segments.recording(batch, list(step)) if segments else nullcontext():
        tokens, pooled = encoder(batch)
    found = {}
    by_task = zip(
        given, tokens.split([sum(n) for n in step.values()]), pooled.split(parts), strict=True
    )
    for task, of_tokens, of_sequences in by_task:
        found[task] = (of_tokens * (ord(task) - ord("a") + 1)).sin().mean()
        if task not in without_pooled:
            found[task] = found[task] + (2 * of_sequences).cos().sum()
    return found


def alone(encoder: nn.Module, step: Lengths, **options: Any) -> dict[str, list[Tensor | None]]:
    """Return what autograd gives for the trained parameters, each task by itself."""
    parameters = [p for p in encoder.parameters() if p.requires_grad]
    return {
        task: list(
            torch.autograd.grad(
                losses(encoder, {task: lengths}, **options)[task], parameters, allow_unused=True
            )
        )
        for task, lengths in step.items()
    }


def at_once(
    encoder: nn.Module, step: Lengths, segments: Segments | None = None, **options: Any
) -> list[ParameterGradients]:
    """Return what one recorded pass over all tasks gives."""
    segments = segments or Segments(encoder)
    segments.begin(list(step))
    torch.stack([*losses(encoder, step, segments, **options).values()]).sum().backward()
    return segments.gradients()


def whole(record: ParameterGradients, task: int) -> Tensor | None:
    """Return a task's gradient in the parameter's shape."""
    found = record.gradients[task]
    if found is None or record.rows is None:
        return found
    return torch.zeros_like(record.parameter).index_copy(0, record.rows, found)


def assert_equal(
    records: list[ParameterGradients], expected: Mapping[str, list[Tensor | None]]
) -> None:
    """A parameter that a task does not use has no gradient, or zeros where other tasks do."""
    for task, gradients in enumerate(expected.values()):
        for record, value in zip(records, gradients, strict=True):
            found = whole(record, task)
            if value is None:
                assert found is None or not found.any()
            else:
                torch.testing.assert_close(found, value, rtol=0, atol=1e-12)


def mean(states: Tensor, batch: RaggedBatch) -> Tensor:
    return torch.stack([rows.mean(dim=0) for rows in states.split(batch.lengths)])


def small() -> Encoder:
    """Return an encoder with all three kinds of layers, over tokens and over sequences."""

    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        x = self.norm(self.word(batch.ids) + self.position(batch.positions))
        x = x + self.hidden(x).tanh()
        return x, self.pooler(x[batch.starts])

    return Encoder(
        compute,
        word=nn.Embedding(12, WIDTH, padding_idx=3),
        position=nn.Embedding(6, WIDTH),
        norm=nn.LayerNorm(WIDTH),
        hidden=nn.Linear(WIDTH, WIDTH),
        pooler=nn.Linear(WIDTH, 3),
    )


def twice() -> Encoder:
    """Return an encoder that uses each of its layers more than once, in both ways."""

    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        x = self.table(batch.ids) * self.table(batch.positions)
        x = self.norm(self.hidden(x).tanh())
        x = self.norm(self.hidden(x).tanh() + x)
        return x, self.hidden(self.norm(mean(x, batch)))

    modules = {"table": nn.Embedding(12, WIDTH), "norm": nn.LayerNorm(WIDTH)}
    return Encoder(compute, **modules, hidden=nn.Linear(WIDTH, WIDTH))


def in_three_dimensions() -> Encoder:
    """Return an encoder whose layers see several vectors a token."""

    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        pairs = torch.stack([batch.ids, batch.positions], dim=1)
        x = self.norm(self.table(pairs))  # [T, 2, WIDTH]
        x = self.hidden(x).tanh().flatten(1)  # [T, 6]
        return x, self.whole(mean(x, batch).unflatten(1, (3, 2))).flatten(1)

    return Encoder(
        compute,
        table=nn.Embedding(12, WIDTH),
        norm=nn.LayerNorm((2, WIDTH)),
        hidden=nn.Linear(WIDTH, 3, bias=False),
        whole=nn.Linear(2, 2),
    )


def with_tied_layers() -> Encoder:
    """Return an encoder with one weight in two linear layers, and one of torch's subclasses."""

    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        x = self.second(self.first(features(batch)).tanh())
        return x, self.first(self.inherited(x[batch.starts]))

    class Inherited(nn.Linear):
        """A subclass that computes as its parent does."""

    encoder = Encoder(
        compute,
        first=nn.Linear(WIDTH, WIDTH),
        second=nn.Linear(WIDTH, WIDTH),
        inherited=Inherited(WIDTH, WIDTH),
    )
    encoder.get_submodule("second").weight = encoder.get_submodule("first").weight
    return encoder


ENCODERS = {
    "all kinds": small,
    "layers used twice": twice,
    "three dimensions": in_three_dimensions,
    "tied layers": with_tied_layers,
}


# --- one gradient a task ----------------------------------------------------------------------


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize(
    "step",
    [STEP, {"c": (2, 2)}, {"b": (1, 1), "a": (1,)}, {"b": (4, 1), "c": (1, 3, 1), "a": (2,)}],
    ids=["three tasks", "one task", "one token each", "another order"],
)
def test_gradients_are_those_of_autograd_on_each_task_alone(
    make: Callable[[], Encoder], step: Lengths
) -> None:
    encoder = make()
    records = at_once(encoder, step)
    assert [record.parameter for record in records] == list(encoder.parameters())
    assert_equal(records, alone(encoder, step))


def test_several_passes_make_up_a_step() -> None:
    encoder = small()
    passes: list[Lengths] = [{"a": (3, 1), "b": (2,)}, {"a": (4,)}, {"b": (1, 5), "c": (2,)}]
    segments = Segments(encoder)
    segments.begin(["a", "b", "c"])

    for part in passes:
        torch.stack([*losses(encoder, part, segments).values()]).sum().backward()

    sums: dict[str, list[Tensor | None]] = {}
    for part in passes:
        for task, gradients in alone(encoder, part).items():
            before = sums.get(task)
            sums[task] = (
                [a + b for a, b in zip(before, gradients, strict=True)] if before else gradients
            )
    assert_equal(segments.gradients(), sums)


def test_a_task_that_no_pass_holds_has_no_gradient() -> None:
    encoder = small()
    segments = Segments(encoder)
    segments.begin(["a", "b"])

    losses(encoder, {"b": (2, 3)}, segments)["b"].backward()

    expected = alone(encoder, {"b": (2, 3)})["b"]
    assert_equal(segments.gradients(), {"a": [None] * 8, "b": expected})
    of_norm = segments.gradients()[2]
    assert of_norm.gradients[0] is None
    assert of_norm.stacked is None


def test_a_parameter_that_only_some_tasks_use() -> None:
    encoder, options = small(), {"without_pooled": ["a", "c"]}

    records = at_once(encoder, STEP, **options)

    expected = alone(encoder, STEP, **options)
    assert expected["a"][-1] is None
    assert expected["b"][-1] is not None
    assert_equal(records, expected)


def test_a_parameter_that_no_task_uses_has_no_gradient() -> None:
    encoder = small()
    encoder.add_module("spare", nn.Linear(2, 2, dtype=torch.float64))

    records = at_once(encoder, STEP, without_pooled=list(STEP))

    names = {parameter: name for name, parameter in encoder.named_parameters()}
    unused = [names[record.parameter] for record in records if not record.size]
    assert unused == ["pooler.weight", "pooler.bias", "spare.weight", "spare.bias"]
    for record in records[-4:]:
        assert (record.gradients, record.stacked) == ([None] * 3, None)


FROZEN = {
    "embeddings": ["word.weight", "position.weight"],
    "all but the norm": ["word.weight", "position.weight", "hidden.weight", "hidden.bias"],
    "a bias and a scale": ["hidden.bias", "norm.weight"],
    "a weight and a shift": ["hidden.weight", "norm.bias"],
    "a whole layer": ["hidden.weight", "hidden.bias"],
}


@pytest.mark.parametrize("frozen", FROZEN.values(), ids=FROZEN)
def test_frozen_parameters_among_trained_ones(frozen: Sequence[str]) -> None:
    encoder = small()
    for name in frozen:
        encoder.get_parameter(name).requires_grad_(False)

    records = at_once(encoder, STEP)

    assert len(records) == 8 - len(frozen)
    assert_equal(records, alone(encoder, STEP))


# --- from step to step ------------------------------------------------------------------------


def test_steps_of_different_tasks_one_after_the_other() -> None:
    encoder = small()
    segments = Segments(encoder)
    word = encoder.get_parameter("word.weight")
    steps: list[Lengths] = [
        {"a": (3, 1), "b": (2,)},
        {"c": (1,)},
        {"b": (2, 2), "c": (1,), "a": (4,)},
        {"a": (2,)},
        {"b": (1, 1), "a": (5,)},
    ]
    for step in steps:
        encoder.zero_grad()
        expected = alone(encoder, step)
        records = at_once(encoder, step, segments)
        assert_equal(records, expected)

        # As the oracle does: in the buffers, which the next step finds changed.
        weights = torch.arange(2, 2 + len(step), dtype=torch.float64)
        set_weighted_sum(records, weights)
        for i, parameter in enumerate(encoder.parameters()):
            total = sum(w * g[i] for w, g in zip(weights, expected.values(), strict=True))
            torch.testing.assert_close(parameter.grad, total, rtol=0, atol=1e-11)
            assert parameter.grad.any()
        occurring = {i for t, n in step.items() for s in sequences(t, n) for i in s.ids} - {3}
        assert set(word.grad.any(dim=1).nonzero().flatten().tolist()) == occurring


def test_the_buffers_are_used_again() -> None:
    encoder = small()
    segments = Segments(encoder)

    def places() -> list[int]:
        records = at_once(encoder, STEP, segments)
        set_weighted_sum(records, torch.ones(3))
        found = [parameter.grad.data_ptr() for parameter in encoder.parameters()]
        encoder.zero_grad()
        return found

    assert places() == places()


def test_a_step_that_broke_off_leaves_nothing() -> None:
    encoder = small()
    segments = Segments(encoder)
    segments.begin(["a", "b"])
    losses(encoder, {"a": (3,), "b": (2,)}, segments)["a"].backward()

    assert_equal(at_once(encoder, STEP, segments), alone(encoder, STEP))


# --- recording --------------------------------------------------------------------------------


def test_recording_changes_no_state_and_no_gradient_of_the_input() -> None:
    linear, norm = nn.Linear(WIDTH, 5), nn.LayerNorm(5)

    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        x = norm(linear(self.given).tanh())
        return x, linear(self.given[batch.starts])

    encoder = Encoder(compute, linear=linear, norm=norm)
    found = []
    for segments in (None, Segments(encoder)):
        encoder.given = torch.linspace(-1, 1, 17 * WIDTH, dtype=torch.float64).view(17, WIDTH)
        encoder.given.requires_grad_()
        if segments:
            segments.begin(list(STEP))
        values = torch.stack([*losses(encoder, STEP, segments).values()])
        values.sum().backward()
        found.append((values, encoder.given.grad))
        encoder.zero_grad()
    (plain, of_plain), (recorded, of_recorded) = found
    assert torch.equal(plain, recorded)
    torch.testing.assert_close(of_plain, of_recorded, rtol=0, atol=1e-14)


def test_a_layer_computes_as_before_once_recording_is_over() -> None:
    encoder = small()
    segments = Segments(encoder)
    segments.begin(["a"])
    batch = ragged(sequences("a", (2, 1)))
    names = [name for name, module in encoder.named_modules() if "forward" in vars(module)]
    assert names == []

    with segments.recording(batch, ["a"]):
        recorded = [name for name, m in encoder.named_modules() if "forward" in vars(m)]
    with pytest.raises(ZeroDivisionError), segments.recording(batch, ["a"]):
        raise ZeroDivisionError

    assert recorded == ["word", "position", "norm", "hidden", "pooler"]
    assert [name for name, module in encoder.named_modules() if "forward" in vars(module)] == []
    encoder(batch).pooled.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_hooks_see_what_they_saw_before() -> None:
    encoder = small()
    shapes: list[torch.Size] = []
    encoder.get_submodule("pooler").register_forward_hook(lambda _, x, y: shapes.append(y.shape))
    at_once(encoder, STEP)
    assert shapes == [(6, 3)]


# --- inner products ---------------------------------------------------------------------------


def wide() -> Encoder:
    """Return an encoder with a layer whose inner products are taken while it is differentiated."""

    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        x = self.wide(self.wide(self.table(batch.ids)).tanh())
        return x, self.pooler(x[batch.starts])

    modules = {"table": nn.Embedding(12, 80), "wide": nn.Linear(80, 80)}
    return Encoder(compute, **modules, pooler=nn.Linear(80, 2))


def test_products_are_the_inner_products() -> None:
    encoder = wide()
    segments = Segments(encoder)
    for step in (STEP, {"c": (2, 1), "a": (3,)}):
        segments.begin(list(step), take_products=True)
        torch.stack([*losses(encoder, step, segments).values()]).sum().backward()
        records = segments.gradients()

        expected = torch.zeros(len(step), len(step), dtype=torch.float64)
        for i, (name, _) in enumerate(encoder.named_parameters()):
            rows = torch.stack([g[i].flatten() for g in alone(encoder, step).values()])
            expected += rows @ rows.T
            if name == "wide.weight":
                torch.testing.assert_close(records[i].products, rows @ rows.T, rtol=1e-12, atol=0)
            else:
                assert records[i].products is None
        torch.testing.assert_close(gramian(records), expected, rtol=1e-12, atol=0)


# --- a promise that does not hold -------------------------------------------------------------


class Doubled(nn.Linear):
    """A subclass with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def directly(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
    x = features(batch)
    return x + self.shift, self.layer(x[batch.starts])


def by_function(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
    x = self.layer(features(batch))
    return x, F.linear(x[batch.starts], self.layer.weight)


def in_order(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
    x = features(batch)
    return x, self.layer(x[batch.starts])


def of_table(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
    x = self.table(batch.ids)
    return x, x[batch.starts]


def shifted() -> Encoder:
    encoder = Encoder(directly, layer=nn.Linear(WIDTH, WIDTH))
    encoder.register_parameter("shift", nn.Parameter(torch.zeros(WIDTH, dtype=torch.float64)))
    return encoder


def with_a_forward_of_its_own() -> Encoder:
    encoder = Encoder(in_order, layer=nn.Linear(WIDTH, WIDTH))
    layer = encoder.get_submodule("layer")
    vars(layer)["forward"] = lambda x: nn.Linear.forward(layer, 2 * x)
    return encoder


def table(**options: Any) -> Callable[[], Encoder]:
    return lambda: Encoder(of_table, table=nn.Embedding(12, WIDTH, **options))


def changed(change: Callable[[nn.Linear], Any]) -> Callable[[], Encoder]:
    return lambda: Encoder(in_order, layer=change(nn.Linear(WIDTH, WIDTH)))


BROKEN: dict[str, tuple[Callable[[], Encoder], str]] = {
    "a parameter of its own": (shifted, "shift"),
    "a parameter taken from a layer": (
        lambda: Encoder(by_function, layer=nn.Linear(WIDTH, WIDTH)),
        "layer.weight",
    ),
    "a subclass": (lambda: Encoder(in_order, layer=Doubled(WIDTH, WIDTH)), "layer.weight"),
    "another layer": (
        lambda: Encoder(in_order, layer=nn.Sequential(nn.PReLU())),
        r"layer.0.weight",
    ),
    "a bounded table": (table(max_norm=0.1), "table.weight"),
    "a sparse table": (table(sparse=True), "table.weight"),
    "a table that counts": (table(scale_grad_by_freq=True), "table.weight"),
    "a weight computed from others": (
        changed(parametrizations.weight_norm),
        "layer.bias",
    ),
    "a bias computed from others": (
        changed(
            lambda layer: torch.nn.utils.parametrize.register_parametrization(
                layer, "bias", nn.Tanh()
            )
        ),
        "layer.weight",
    ),
    "a forward of the instance": (with_a_forward_of_its_own, "layer.weight"),
}


@pytest.mark.parametrize(("make", "name"), BROKEN.values(), ids=BROKEN)
def test_a_parameter_that_is_used_otherwise(make: Callable[[], Encoder], name: str) -> None:
    with pytest.raises(BrokenSegments) as caught:
        at_once(make(), STEP)
    assert str(caught.value) == (
        f"the encoder declares segments, and uses {name} otherwise than in an nn.Linear, "
        "nn.LayerNorm or nn.Embedding"
    )


def test_what_an_instance_had_is_left_to_it() -> None:
    encoder = with_a_forward_of_its_own()
    own = vars(encoder.get_submodule("layer"))["forward"]
    with pytest.raises(BrokenSegments):
        at_once(encoder, STEP)
    assert vars(encoder.get_submodule("layer"))["forward"] is own


def test_one_table_as_embedding_and_as_output_layer() -> None:
    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        x = self.table(batch.ids)
        return self.out(x), x[batch.starts]

    encoder = Encoder(compute, table=nn.Embedding(12, WIDTH), out=nn.Linear(WIDTH, 12))
    encoder.get_submodule("out").weight = encoder.get_submodule("table").weight
    with pytest.raises(BrokenSegments, match="one parameter as an embedding table and in another"):
        at_once(encoder, STEP)


@pytest.mark.parametrize("layer", ["linear", "norm", "table"])
def test_a_layer_on_another_first_dimension(layer: str) -> None:
    def compute(self: Any, batch: RaggedBatch) -> tuple[Tensor, Tensor]:
        if layer == "table":
            x = self.table(batch.ids[None]).squeeze(0)
        else:
            x = getattr(self, layer)(features(batch)[None]).squeeze(0)
        return x, x[batch.starts]

    modules = {"linear": nn.Linear(WIDTH, WIDTH), "norm": nn.LayerNorm(WIDTH)}
    encoder = Encoder(compute, **modules, table=nn.Embedding(12, WIDTH))
    message = r"applies a layer to shape \[1, 17, 4\], whose first dimension is neither"
    with pytest.raises(BrokenSegments, match=message):
        at_once(encoder, STEP)


# --- precision --------------------------------------------------------------------------------


def test_under_autocast_gradients_are_near_those_of_float32() -> None:
    encoder = small().float()
    expected = alone(encoder, STEP)
    segments = Segments(encoder)
    segments.begin(list(STEP))

    with torch.autocast("cpu", torch.bfloat16):
        found = losses(encoder, STEP, segments)
    torch.stack([*found.values()]).sum().backward()

    for task, gradients in enumerate(expected.values()):
        for record, value in zip(segments.gradients(), gradients, strict=True):
            gradient = whole(record, task)
            assert gradient.dtype == torch.float32
            assert 0 < (gradient - value).norm() < 0.05 * value.norm()
