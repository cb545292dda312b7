import torch
from hypothesis import given
from hypothesis import strategies as st

from mtbench.api import RaggedBatch, Tokens
from mtbench.model.batching import ragged
from mtbench_builtins.encoders.huggingface.padding import MOST_PADDING, Padding, like_lengths

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def batch_of(lengths: list[int]) -> RaggedBatch:
    """Return a batch in which token t of sequence s has the id 100 s + t + 1, and the type 1."""
    return ragged(
        [Tokens([100 * s + t + 1 for t in range(n)], [1] * n) for s, n in enumerate(lengths)]
    )


def test_groups_by_hand() -> None:
    # 4 and 5 fill 9 of 10 places, with 6 it would be 15 of 18; 20 would leave more than a fifth.
    assert like_lengths([5, 20, 4, 6, 20]) == [[2, 0, 3], [1, 4]]
    assert like_lengths([4, 5, 4], most=0.0) == [[0, 2], [1]]
    assert like_lengths([1, 30], most=0.5) == [[0, 1]]
    assert like_lengths([7]) == [[0]]


@given(LENGTHS)
def test_every_sequence_is_in_one_group_and_little_is_padding(lengths: list[int]) -> None:
    groups = like_lengths(lengths)
    flat = [index for group in groups for index in group]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[index] for index in flat] == sorted(lengths)
    for group in groups:
        places = len(group) * lengths[group[-1]]
        assert 1 - sum(lengths[index] for index in group) / places <= MOST_PADDING + 1e-12


def test_padded_groups_by_hand() -> None:
    first, second = Padding(batch_of([5, 2, 4])).groups(pad=9)
    assert (first.ids.tolist(), first.mask.tolist()) == ([[101, 102]], [[1, 1]])
    assert second.ids.tolist() == [[201, 202, 203, 204, 9], [1, 2, 3, 4, 5]]
    assert second.types.tolist() == [[1, 1, 1, 1, 0], [1] * 5]
    assert second.mask.tolist() == [[1, 1, 1, 1, 0], [1] * 5]
    assert second.mask.dtype == second.types.dtype == torch.int64


@given(LENGTHS)
def test_the_way_back_is_the_batchs_order(lengths: list[int]) -> None:
    batch = batch_of(lengths)
    padding = Padding(batch)
    groups = list(padding.groups(pad=0))
    tokens = padding.tokens([group.ids[:, :, None] for group in groups])
    assert torch.equal(tokens.squeeze(1), batch.ids)
    firsts = padding.sequences([group.ids[:, :1] for group in groups])
    assert torch.equal(firsts.squeeze(1), batch.ids[batch.starts])
