from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.api import EncoderOutput, RaggedBatch, Tokens
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from mtbench_builtins.encoders.minbert import MinBert
from tools.pretrain.distil import Distillation
from tools.pretrain.settings import Distil

# Four texts of a token each, told apart by its id, in two families of two.
TEXTS = [Tokens([id_], [0]) for id_ in (1, 2, 3, 4)]
# At angles of 0, 90, 0 and 60 degrees.
ANGLES = torch.tensor([0.0, 90.0, 0.0, 60.0]).deg2rad()
VECTORS = torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)


class Table(nn.Module):
    """Stands for a student: a token's state is a row of a table."""

    width = 2

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.cat([torch.zeros(1, 2), rows]))

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        states = self.rows[batch.ids]
        return EncoderOutput(states, states)


def settings(vector: float = 0, relation: float = 0, family: float = 0) -> Distil:
    rest = {"steps": 1, "batch_size": 4, "lr": 1e-3}
    return Distil.model_validate({"vector": vector, "relation": relation, "family": family} | rest)


def loss(
    rows: Tensor, given: Distil, axes: Tensor | None = None, *, order: tuple[int, ...] = ()
) -> float:
    """Return the loss of a table's rows, towards the vectors in the same order."""
    student: Any = Table(rows)
    model = Distillation(student, torch.eye(2) if axes is None else axes, given)
    chosen = list(order) or [0, 1, 2, 3]
    return model.loss([TEXTS[i] for i in chosen], VECTORS[chosen], 2).item()


def test_nothing_is_lost_where_student_and_teacher_agree() -> None:
    lengths = torch.tensor([[1.0], [2.0], [0.5], [3.0]])
    every = settings(vector=1, relation=20, family=10)
    assert loss(VECTORS * lengths, every) == pytest.approx(0, abs=1e-6)


def test_relations_do_not_see_a_rotation_and_vectors_do() -> None:
    turned = VECTORS @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    assert loss(turned, settings(relation=1, family=1)) == pytest.approx(0, abs=1e-6)
    assert loss(turned, settings(vector=1)) == pytest.approx(1, abs=1e-6)
    # The way to the teacher's space turns it back.
    back = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    assert loss(turned, settings(vector=1), back) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # The student sees four times the same, so all its cosines are 1. Those of the teacher:
        # within families 0 and 1/2; across them 1, 1/2, 0, and that of 30 degrees.
        ({"family": 1}, (1 + 1 / 4) / 2),
        ({"relation": 1}, (1 + 1 / 4 + 0 + 1 / 4 + 1 + (1 - 3**0.5 / 2) ** 2) / 6),
        # Its vector lies at 0 degrees, where two of the teacher's lie.
        ({"vector": 1}, (0 + 1 + 0 + 1 / 2) / 4),
        (
            {"vector": 2, "relation": 6, "family": 4},
            3 / 4 + (5 / 2 + (1 - 3**0.5 / 2) ** 2) + 5 / 2,
        ),
    ],
)
def test_a_loss_worked_by_hand(given: dict[str, float], expected: float) -> None:
    alike = torch.tensor([[2.0, 0.0]]).repeat(4, 1)
    assert loss(alike, settings(**given)) == pytest.approx(expected, abs=1e-6)


def test_the_order_of_families_does_not_matter() -> None:
    rows = torch.tensor([[1.0, 0.2], [0.3, 1.0], [0.7, -0.4], [-0.2, 0.9]])
    every = settings(vector=1, relation=2, family=3)
    assert loss(rows, every, order=(2, 3, 1, 0)) == pytest.approx(loss(rows, every), abs=1e-6)
    assert loss(rows, every, order=(0, 2, 1, 3)) != pytest.approx(loss(rows, every), abs=1e-2)


def test_the_way_to_the_teacher_begins_with_the_axes(student: MinBert) -> None:
    axes = torch.randn(5, student.width)
    model = Distillation(student, axes, settings(vector=1))
    vectors = F.normalize(torch.randn(4, 5), dim=1)
    batch = ragged(TEXTS)
    expected = F.cosine_similarity(pool(student(batch), batch, "mean") @ axes.T, vectors)
    torch.testing.assert_close(model.loss(TEXTS, vectors, 2), 1 - expected.mean())


@pytest.mark.parametrize("part", ["vector", "relation", "family"])
def test_every_part_reaches_the_student(student: MinBert, part: str) -> None:
    torch.manual_seed(1)
    model = Distillation(student, torch.randn(2, student.width), settings(**{part: 1}))
    model.loss(TEXTS, VECTORS, 2).backward()
    without = [
        name
        for name, parameter in student.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    # A key's bias shifts all scores of a query alike; of a single token nothing is chosen at all.
    assert without == ["pooler.weight", "pooler.bias"]
    learns = model.projection.weight.grad is not None and model.projection.weight.grad.any()
    assert bool(learns) == (part == "vector")


def test_a_student_learns_the_teachers_cosines(student: MinBert) -> None:
    model = Distillation(student, torch.randn(2, student.width), settings(1, 1, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        value = model.loss(TEXTS, VECTORS, 2)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[0] > 0.5
    assert losses[-1] < 0.05
    batch = ragged(TEXTS)
    learnt = F.normalize(pool(student(batch), batch, "mean"), dim=1)
    torch.testing.assert_close(learnt @ learnt.T, VECTORS @ VECTORS.T, rtol=0, atol=0.2)
