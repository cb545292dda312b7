import pytest
import torch

from mtbench.batching import ragged
from mtbench.pooling import pool
from mtbench.protocols import EncoderOutput, Pooling, RaggedBatch, Tokens


def batch_of(*lengths: int) -> RaggedBatch:
    return ragged([Tokens([1] * length, [0] * length) for length in lengths])


def test_values_by_hand() -> None:
    batch = batch_of(3, 1, 3)
    states = torch.tensor([[1.0], [2.0], [6.0], [10.0], [0.0], [1.0], [5.0]])
    output = EncoderOutput(states, torch.tensor([[0.1], [0.2], [0.3]]))
    assert pool(output, batch, "cls").tolist() == [[1.0], [10.0], [0.0]]
    assert pool(output, batch, "mean").tolist() == [[3.0], [10.0], [2.0]]
    torch.testing.assert_close(
        pool(output, batch, "pooler"), torch.tensor([[0.1], [0.2], [0.3]]), rtol=0, atol=0
    )


@pytest.mark.parametrize("pooling", ["cls", "pooler", "mean"])
def test_embeddings_come_in_the_callers_order(pooling: Pooling) -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = [4, 2, 7, 2, 4, 1]
    states = [torch.randn(length, 5, generator=generator) for length in lengths]
    pooled = torch.randn(6, 5, generator=generator)
    batch = batch_of(*lengths)
    output = EncoderOutput(torch.cat(states), pooled)
    expected = {
        "cls": torch.stack([state[0] for state in states]),
        "pooler": pooled,
        "mean": torch.stack([state.mean(0) for state in states]),
    }[pooling]
    torch.testing.assert_close(pool(output, batch, pooling), expected)


def test_gradients_of_a_mean_are_shared_among_its_tokens() -> None:
    batch = batch_of(4, 1)
    states = torch.zeros(5, 2, requires_grad=True)
    pool(EncoderOutput(states, torch.zeros(2, 2)), batch, "mean").sum().backward()
    assert states.grad is not None
    assert states.grad[:, 0].tolist() == [0.25, 0.25, 0.25, 0.25, 1.0]
