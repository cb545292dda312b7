import hashlib
from collections.abc import Sequence
from math import log
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtbench.components.registry import Registry
from mtbench.gradients.jacobian import as_matrix
from mtbench.gradients.segments import Segments
from mtbench.matrix.configuration import overlay
from mtbench.model.model import BrokenHead, MultiTaskModel, TaskBatch, TaskHead, seeded
from mtbench.model.pooling import AttentionPooling, FixedPooling
from mtbench.protocols import EncoderOutput, Pair, Pooling, RaggedBatch, TaskInfo, Tokens
from mtbench.study.resolution import Resolver
from mtbench.training.assembly import assemble
from mtbench.training.examples import tokenise

SINGLE = TaskInfo(sentences=1, loss="squared-error", metrics=("pearson",), score_range=(0, 5))
PAIRED = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0, 5))


# --- a model whose numbers can be read --------------------------------------------------------


class Plain(nn.Module):
    """Gives each token its id, and each sequence minus the id of its first token, as pooled."""

    width = 1
    pooling: Pooling = "pooler"

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        self.passes += 1
        self.seen = batch
        tokens = batch.ids.float().unsqueeze(1)
        return EncoderOutput(tokens, -tokens[batch.starts])


class First(nn.Module):
    """Gives the first embedding, and remembers all."""

    def forward(self, *embeddings: Tensor) -> Tensor:
        self.given = [embedding.flatten().tolist() for embedding in embeddings]
        return embeddings[0].squeeze(1)


def head(
    info: TaskInfo,
    pooling: FixedPooling | AttentionPooling,
    pair: Pair = "separate",
    output: Any = "task",
) -> Any:
    return TaskHead(First(), info, pair, pooling, output)


def column(*sequences: Sequence[int]) -> list[Tokens]:
    return [Tokens(list(ids), [0] * len(ids)) for ids in sequences]


def batch(*columns: list[Tokens]) -> TaskBatch:
    return TaskBatch(columns, torch.zeros(len(columns[0])))


def test_each_head_is_given_its_own_pooling() -> None:
    heads = {name: head(SINGLE, name) for name in ("cls", "pooler", "mean")}
    model = MultiTaskModel(Plain(), heads)
    sentences = column([4, 8, 6], [2, 3])

    outputs = model({name: batch(sentences) for name in heads})

    assert {name: out.tolist() for name, out in outputs.items()} == {
        "cls": [4, 2],
        "pooler": [-4, -2],
        "mean": [6, 2.5],
    }


def test_each_head_learns_attention_of_its_own_over_its_own_sequences() -> None:
    """Of the tokens 1 and 3, weights of 1 : 4 make 2.6 and 1 : 1/4 make 1.4."""
    up, down = AttentionPooling(1), AttentionPooling(1)
    with torch.no_grad():
        up.query.fill_(log(2))
        down.query.fill_(-log(2))
    heads = {"up": head(PAIRED, up), "mean": head(SINGLE, "mean"), "down": head(SINGLE, down)}
    model = MultiTaskModel(Plain(), heads)
    parts = {
        "up": batch(column([1, 3], [5]), column([7], [1, 3])),
        "mean": batch(column([1, 3])),
        "down": batch(column([1, 3], [6, 6, 6])),
    }

    outputs = model(parts)

    assert outputs["up"].tolist() == pytest.approx([2.6, 5])
    assert model.tasks["up"].module.given[1] == pytest.approx([7, 2.6])
    assert outputs["mean"].tolist() == pytest.approx([2])
    assert outputs["down"].tolist() == pytest.approx([1.4, 6])

    (outputs["up"].sum() + outputs["mean"].sum()).backward()
    assert up.query.grad is not None
    assert down.query.grad is None


def test_a_separate_pair_arrives_sentence_by_sentence_in_the_order_of_the_examples() -> None:
    model = MultiTaskModel(Plain(), {"sts": head(PAIRED, "cls"), "sst": head(SINGLE, "cls")})
    first, second = column([9, 1, 1], [8], [7, 1]), column([6], [5, 1, 1, 1], [4, 1])

    model({"sts": batch(first, second), "sst": batch(column([3, 1], [2]))})

    assert model.tasks["sts"].module.given == [[9, 8, 7], [6, 5, 4]]
    assert model.tasks["sst"].module.given == [[3, 2]]


def test_a_joined_pair_arrives_as_one_embedding() -> None:
    model = MultiTaskModel(Plain(), {"sts": head(PAIRED, "cls", pair="joined")})

    model({"sts": batch(column([9, 1, 6], [8, 5]))})

    assert model.tasks["sts"].module.given == [[9, 8]]


def test_all_tasks_share_one_pass_of_the_encoder() -> None:
    encoder = Plain()
    model = MultiTaskModel(encoder, {"a": head(PAIRED, "cls"), "b": head(SINGLE, "mean")})

    model.losses({"a": batch(column([1]), column([2])), "b": batch(column([3]))})

    assert encoder.passes == 1
    assert encoder.seen.ids.tolist() == [1, 2, 3]
    assert encoder.seen.parts == (2, 1)


def test_losses_know_what_a_head_gives() -> None:
    heads = {"task": head(SINGLE, "cls"), "unit": head(SINGLE, "cls", output="unit")}
    model = MultiTaskModel(Plain(), heads)
    examples = TaskBatch((column([2], [1]),), torch.tensor([5.0, 0.0]))

    losses = model.losses(dict.fromkeys(heads, examples))

    assert losses["task"].item() == pytest.approx((3**2 + 1) / 2)
    assert losses["unit"].item() == pytest.approx(((2 - 1) ** 2 + 1) / 2)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (SINGLE, r"\[2\]"),
        (
            TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5),
            r"\[2, 5\]",
        ),
    ],
    ids=["score", "classes"],
)
def test_a_head_that_gives_too_much_is_told(info: TaskInfo, expected: str) -> None:
    wide = TaskHead(nn.Linear(1, 7), info, "separate", "cls", "task")
    model = MultiTaskModel(Plain(), {"sst": wide})

    with pytest.raises(BrokenHead, match=rf"'sst', Linear, gave shape \[2, 7\], not {expected}"):
        model({"sst": batch(column([1], [2]))})


def test_a_task_may_be_absent() -> None:
    model = MultiTaskModel(Plain(), {"a": head(SINGLE, "cls"), "b": head(SINGLE, "cls")})

    assert list(model({"b": batch(column([1]))})) == ["b"]


@pytest.mark.parametrize("name", ["train", "keys", "pop", "type"])
def test_a_task_may_be_called_as_what_a_module_has(name: str) -> None:
    model = MultiTaskModel(Plain(), {name: head(SINGLE, "cls")})

    assert model.train()({name: batch(column([1]))})[name].tolist() == [1]


def test_what_training_changes_is_all_but_the_frozen_parameters() -> None:
    encoder = nn.BatchNorm1d(2)
    encoder.weight.requires_grad_(False)

    model = MultiTaskModel(encoder, {})

    assert set(model.trained_state()) == set(model.state_dict()) - {"encoder.weight"}
    assert "encoder.running_mean" in model.trained_state()


# --- a model as it is trained -----------------------------------------------------------------

HEADS: dict[str, dict[str, Any]] = {
    "by default": {},
    "joined": {"heads.pd.pair": "joined", "heads.sts.pair": "joined"},
    "a pooling each": {
        "heads.sst.pooling": "cls",
        "heads.pd.pooling": "mean",
        "heads.sts": {"name": "cosine", "pooling": "pooler"},
    },
    "attention": {
        "heads.sst.pooling": "attention",
        "heads.pd": {"name": "linear", "pooling": "attention", "pair": "joined"},
        "heads.sts": {"name": "cosine", "pooling": "attention"},
    },
}


def assembled(
    small: dict[str, Any], changes: dict[str, Any]
) -> tuple[MultiTaskModel, dict[str, TaskBatch]]:
    """Return a small model without dropout, in training mode, and a batch of each task."""
    quiet = {"train.dropout": 0.0, "encoder.dropout": 0.0}
    resolved = Resolver(Registry.load()).resolve(overlay(small, {**quiet, **changes}))
    parts = assemble(resolved, seed=0)
    for pooling in parts.model.poolings.values():
        torch.nn.init.normal_(pooling.query)  # as it is after some training
    batches = {}
    for task, entry in resolved.tasks.items():
        head = parts.model.tasks[task]
        examples = entry.task.load("train", None)
        batches[task] = tokenise(examples, parts.tokenizer, head.info, head.pair).batch(range(5))
    return parts.model.train(), batches


@pytest.mark.parametrize("changes", HEADS.values(), ids=HEADS)
def test_a_batch_of_several_tasks_equals_the_tasks_one_by_one(
    small: dict[str, Any], changes: dict[str, Any]
) -> None:
    model, batches = assembled(small, changes)

    together, losses = model(batches), model.losses(batches)

    assert list(together) == list(losses) == ["sst", "pd", "sts"]
    for task, part in batches.items():
        torch.testing.assert_close(together[task], model({task: part})[task])
        torch.testing.assert_close(losses[task], model.losses({task: part})[task])


@pytest.mark.parametrize("changes", HEADS.values(), ids=HEADS)
def test_a_batch_equals_its_examples_one_by_one(
    small: dict[str, Any], changes: dict[str, Any]
) -> None:
    model, batches = assembled(small, changes)

    outputs = model(batches)

    for task, part in batches.items():
        alone = [
            model({task: TaskBatch(tuple([c[i]] for c in part.sequences), part.labels[[i]])})[task]
            for i in range(5)
        ]
        torch.testing.assert_close(outputs[task], torch.cat(alone))


@pytest.mark.parametrize("changes", HEADS.values(), ids=HEADS)
def test_a_pass_that_is_recorded_gives_the_same_losses_and_the_tasks_own_gradients(
    small: dict[str, Any], changes: dict[str, Any]
) -> None:
    model, batches = assembled(small, changes)
    segments = Segments(model.encoder)
    segments.begin(list(batches))

    losses = model.losses(batches, segments)
    torch.stack(list(losses.values())).sum().backward()

    records = segments.gradients()
    shared = model.shared_parameters()
    assert [id(record.parameter) for record in records] == [id(p) for p in shared]
    for place, (task, part) in enumerate(batches.items()):
        loss = model.losses({task: part})[task]
        torch.testing.assert_close(losses[task], loss)
        expected = torch.autograd.grad(loss, shared, materialize_grads=True)
        matrix = torch.cat([gradient.flatten() for gradient in expected])
        torch.testing.assert_close(as_matrix(records)[place], matrix, rtol=1e-4, atol=1e-6)


def test_joined_and_separate_pairs_differ(small: dict[str, Any]) -> None:
    (separate, apart), (joined, together) = (
        assembled(small, {"heads.pd.pair": pair}) for pair in ("separate", "joined")
    )

    assert len(apart["pd"].sequences) == 2
    assert len(together["pd"].sequences) == 1
    assert separate.tasks["pd"].module.projection.in_features == 32
    assert joined.tasks["pd"].module.projection.in_features == 16
    first, second, both = (c[0] for c in (*apart["pd"].sequences, *together["pd"].sequences))
    assert list(both.ids) == [*first.ids, *second.ids[1:]]
    assert list(both.types) == [0] * len(first.ids) + [1] * (len(second.ids) - 1)


def test_parameters_are_shared_or_belong_to_a_head(small: dict[str, Any]) -> None:
    model, _ = assembled(small, {})

    shared, private = model.shared_parameters(), model.head_parameters()

    assert {id(p) for p in shared} == {id(p) for p in model.encoder.parameters()}
    assert {id(p) for p in private} == {id(p) for p in model.heads.parameters()}
    assert set(model.trained_state()) == set(model.state_dict())


def test_a_pooling_that_is_learned_belongs_to_its_task(small: dict[str, Any]) -> None:
    plain, _ = assembled(small, {})
    model, batches = assembled(small, {"heads.sts.pooling": "attention"})
    query = model.tasks["sts"].pooling.query

    assert len(model.head_parameters()) == len(plain.head_parameters()) + 1
    assert any(parameter is query for parameter in model.head_parameters())
    assert set(model.trained_state()) - set(plain.trained_state()) == {
        "poolings.sts_pooling.query"
    }
    before = model.digests()
    assert {n for n, digest in plain.digests().items() if digest != before[n]} == {"heads.sts"}
    with torch.no_grad():
        query += 1
    assert {n for n, digest in model.digests().items() if digest != before[n]} == {"heads.sts"}

    losses = model.losses(batches)
    (losses["sst"] + losses["pd"]).backward()
    assert query.grad is None
    model.losses(batches)["sts"].backward()
    assert (query.grad != 0).all()


def test_digests_of_models_that_learn_no_pooling() -> None:
    """They are in stored results: of names and bytes, module by module."""
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.fill_(0.0)
    model = MultiTaskModel(Plain(), {"a": TaskHead(layer, SINGLE, "separate", "mean", "task")})

    one = bytes.fromhex("0000803f")
    written = hashlib.sha256(b"bias" + bytes(4) + b"weight" + one).hexdigest()
    assert model.digests() == {"encoder": hashlib.sha256().hexdigest(), "heads.a": written}


def test_a_frozen_encoder_shares_nothing_that_is_trained(small: dict[str, Any]) -> None:
    model, _ = assembled(small, {"encoder.mode": "frozen"})

    assert model.shared_parameters() == []
    assert set(model.trained_state()) == {
        f"heads.{task}_head.projection.{name}"
        for task in ("sst", "pd", "sts")
        for name in ("weight", "bias")
    }


# --- precision and device ---------------------------------------------------------------------


class Dtypes(nn.Module):
    """A head that remembers in which precision it computed."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(1, 1)

    def forward(self, embedding: Tensor) -> Tensor:
        projected: Tensor = self.projection(embedding).squeeze(1)
        self.computed = projected.dtype
        return projected


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_forward_passes_have_their_precision_and_all_else_is_float32(precision: Any) -> None:
    module = Dtypes()
    model = MultiTaskModel(
        Plain(), {"sst": TaskHead(module, SINGLE, "separate", "cls", "task")}, precision
    )
    examples = batch(column([1], [2]))

    outputs = model({"sst": examples})["sst"]
    loss = model.losses({"sst": examples})["sst"]
    loss.backward()

    assert module.computed == getattr(torch, precision)
    assert (outputs.dtype, loss.dtype) == (torch.float32, torch.float32)
    assert {p.grad.dtype for p in module.parameters() if p.grad is not None} == {torch.float32}


class Embedded(nn.Embedding):
    """An encoder that looks its tokens up, and does nothing else with them."""

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        tokens = super().forward(batch.ids) + batch.positions.unsqueeze(1)
        return EncoderOutput(tokens, tokens[batch.starts])


@pytest.mark.parametrize("changes", HEADS.values(), ids=HEADS)
def test_batches_and_labels_follow_the_model_to_its_device(
    small: dict[str, Any], changes: dict[str, Any]
) -> None:
    model, batches = assembled(small, changes)
    # A device where shapes are computed and numbers are not; it has no kernel for attention.
    model.encoder = Embedded(30_000, model.encoder.width)
    assert model.device == torch.device("cpu")

    model.to("meta")

    assert model.device == torch.device("meta")
    assert {part.labels.device.type for part in batches.values()} == {"cpu"}
    for values in (model(batches), model.losses(batches)):
        assert {value.device.type for value in values.values()} == {"meta"}


def test_a_model_without_parameters_is_on_the_cpu() -> None:
    assert MultiTaskModel(Plain(), {}).device == torch.device("cpu")


# --- first weights ----------------------------------------------------------------------------


def first_weights(seed: int, module: str) -> list[float]:
    layer = seeded(seed, module, lambda: nn.Linear(3, 2))
    return layer.get_parameter("weight").flatten().tolist()


def test_first_weights_depend_on_the_seed_and_the_name_alone() -> None:
    before = first_weights(0, "heads.pd")
    torch.rand(7)

    assert first_weights(0, "heads.pd") == before
    assert first_weights(1, "heads.pd") != before
    assert first_weights(0, "heads.sts") != before


def test_building_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()

    first_weights(0, "encoder")

    assert torch.equal(torch.get_rng_state(), state)
