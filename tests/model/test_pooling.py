from math import log

import pytest
import torch
from torch import Tensor

from mtbench.model.batching import ragged
from mtbench.model.pooling import AttentionPooling, FixedPooling, pool
from mtbench.protocols import EncoderOutput, RaggedBatch, Tokens


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
def test_embeddings_come_in_the_callers_order(pooling: FixedPooling) -> None:
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


# --- attention --------------------------------------------------------------------------------


def attention(*query: float, dtype: torch.dtype = torch.float32) -> AttentionPooling:
    pooling = AttentionPooling(len(query)).to(dtype)
    with torch.no_grad():
        pooling.query.copy_(torch.tensor([query]))
    return pooling


def attend(pooling: AttentionPooling, states: Tensor, batch: RaggedBatch) -> Tensor:
    pooled = torch.zeros(len(batch.lengths), states.shape[1])  # nobody may look at it
    embeddings: Tensor = pooling(EncoderOutput(states, pooled), batch, 0, len(batch.lengths))
    return embeddings


def test_attention_by_hand() -> None:
    """With the query (log 2, 0), a first coordinate of 0, 1, 2 weighs 1, 2, 4."""
    states = torch.tensor(
        [[0.0, 7.0], [1.0, 14.0], [2.0, 0.0], [5.0, 3.0], [0.0, 0.0], [1.0, 3.0]]
    )

    embeddings = attend(attention(log(2), 0), states, batch_of(3, 1, 2))

    # (0 + 2 + 8) / 7 and (7 + 28) / 7; the state itself; 2 / 3 and 6 / 3
    expected = torch.tensor([[10 / 7, 5.0], [5.0, 3.0], [2 / 3, 2.0]])
    torch.testing.assert_close(embeddings, expected)


def test_attention_starts_as_the_mean() -> None:
    batch = batch_of(4, 2, 7, 1)
    states = torch.randn(14, 5)

    embeddings = attend(AttentionPooling(5), states, batch)

    mean = pool(EncoderOutput(states, torch.zeros(4, 5)), batch, "mean")
    torch.testing.assert_close(embeddings, mean)


def test_attention_is_the_softmax_of_each_sequence_by_itself() -> None:
    lengths = [4, 2, 7, 2, 4, 1]
    states = [torch.randn(length, 3, dtype=torch.float64) for length in lengths]
    query = [0.5, -1.5, 2.0]

    embeddings = attend(
        attention(*query, dtype=torch.float64), torch.cat(states), batch_of(*lengths)
    )

    vector = torch.tensor(query, dtype=torch.float64)
    expected = [torch.softmax(state @ vector, 0) @ state for state in states]
    torch.testing.assert_close(embeddings, torch.stack(expected))


def test_attention_pools_the_sequences_it_is_asked_for() -> None:
    batch = batch_of(3, 1, 3, 2)
    states = torch.randn(9, 2)
    states[:3] = states[7:] = float("nan")  # another task's
    pooling = attention(1.0, -2.0)

    embeddings = pooling(EncoderOutput(states, torch.zeros(4, 2)), batch, 1, 3)

    torch.testing.assert_close(embeddings, attend(pooling, states[3:7], batch_of(1, 3)))
    assert embeddings.isfinite().all()


def test_large_scores_stay_finite() -> None:
    states = torch.tensor([[1e4], [2e4], [-3e4]], requires_grad=True)
    pooling = attention(5.0)

    embedding = attend(pooling, states, batch_of(3))

    assert embedding.tolist() == [[2e4]]
    embedding.sum().backward()
    assert states.grad is not None
    assert pooling.query.grad is not None
    assert states.grad.isfinite().all()
    assert pooling.query.grad.isfinite().all()


def test_gradients_of_attention_are_right_and_of_one_kind() -> None:
    """In torch's deterministic mode, which runs are in, and where the query starts."""
    torch.set_deterministic_debug_mode("error")
    batch = batch_of(3, 1, 4)
    states = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)

    for query in ([0.0, 0.0, 0.0], [0.3, -1.0, 0.5]):
        pooling = attention(*query, dtype=torch.float64)

        def function(of_states: Tensor, of_query: Tensor, pooling: AttentionPooling) -> Tensor:
            output = EncoderOutput(of_states, of_states)
            arguments = (output, batch, 0, 3)
            embeddings: Tensor = torch.func.functional_call(
                pooling, {"query": of_query}, arguments
            )
            return embeddings

        assert torch.autograd.gradcheck(function, (states, pooling.query, pooling))
        attend(pooling, states, batch).square().sum().backward()
        assert pooling.query.grad is not None
        assert (pooling.query.grad != 0).all()


def test_attention_is_reckoned_in_float32_where_states_are_not() -> None:
    batch = batch_of(40, 3)
    states, pooling = torch.randn(43, 16).bfloat16(), attention(*torch.randn(16).tolist())

    with torch.autocast("cpu", torch.bfloat16):
        embeddings = attend(pooling, states, batch)

    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings, attend(pooling, states.float(), batch))
