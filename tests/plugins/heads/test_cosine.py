from collections.abc import Mapping

import pytest
import torch

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.cosine import Cosine


@pytest.fixture
def head(tasks: Mapping[str, TaskInfo]) -> Cosine:
    return Cosine(2, tasks["pair-score"], HeadParameters(dropout=0.0))


def test_values_by_hand(head: Cosine) -> None:
    u = torch.tensor([[1.0, 0.0], [1.0, 1.0], [3.0, 4.0], [1.0, 2.0]])
    v = torch.tensor([[0.0, 2.0], [2.0, 2.0], [4.0, 3.0], [-1.0, -2.0]])
    torch.testing.assert_close(head(u, v), torch.tensor([0.0, 1.0, 0.96, -1.0]))


def test_it_has_no_parameters(head: Cosine) -> None:
    assert list(head.parameters()) == []


def test_the_scale_of_an_embedding_says_nothing(head: Cosine) -> None:
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 9, 4, generator=generator)
    torch.testing.assert_close(head(1e-3 * u, 1e3 * v), head(u, v))


def test_a_zero_vector_gives_0_and_finite_gradients(head: Cosine) -> None:
    u = torch.zeros(2, 2, requires_grad=True)
    v = torch.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    cosine = head(u, v)
    assert cosine.tolist() == [0.0, 0.0]
    cosine.sum().backward()
    assert u.grad is not None
    assert v.grad is not None
    assert u.grad.isfinite().all()
    assert v.grad.isfinite().all()


def test_sentences_are_dropped_independently(tasks: Mapping[str, TaskInfo]) -> None:
    torch.manual_seed(0)
    head = Cosine(2, tasks["pair-score"], HeadParameters(dropout=0.5))
    u = torch.randn(20, 16)
    assert (head(u, u) < 0.99).any()
