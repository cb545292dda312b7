from itertools import pairwise

import pytest
import torch

from mtbench.data.token_column import TokenColumn
from mtbench.model.batching import length_ordered_batches, ragged
from mtbench.protocols import Tokens


def tokens(*ids: int) -> Tokens:
    return Tokens(list(ids), [0] * len(ids))


def test_a_batch_by_hand() -> None:
    batch = ragged([tokens(1, 2, 3), Tokens([4, 5], [0, 1]), tokens(6, 7, 8), tokens(9)])
    assert batch.ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert batch.types.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert batch.positions.tolist() == [0, 1, 2, 0, 1, 0, 1, 2, 0]
    assert batch.starts.tolist() == [0, 3, 5, 8]
    assert batch.lengths == (3, 2, 3, 1)
    assert batch.parts == (4,)
    assert batch.by_length() == {1: [3], 2: [1], 3: [0, 2]}
    for tensor in (batch.ids, batch.types, batch.positions, batch.starts):
        assert tensor.dtype == torch.int64


def test_sequences_come_in_the_order_in_which_they_are_given() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 6, (40,), generator=generator).tolist()
    sequences = [tokens(*([i] * length)) for i, length in enumerate(lengths)]
    batch = ragged(sequences)
    assert list(batch.lengths) == lengths != sorted(lengths)
    stream = [i for i, length in enumerate(lengths) for _ in range(length)]
    assert batch.ids.tolist() == stream
    assert batch.ids[batch.starts].tolist() == list(range(40))
    assert batch.positions[batch.starts].tolist() == [0] * 40
    assert (batch.positions + batch.starts[batch.ids]).tolist() == list(range(len(stream)))


@pytest.mark.parametrize("parts", [[1, 2], (3, 0), [3]])
def test_parts_say_whose_the_sequences_are_and_move_none(parts: list[int]) -> None:
    sequences = [tokens(5, 6, 7), tokens(1), tokens(2, 3)]
    batch = ragged(sequences, parts)
    assert batch.parts == tuple(parts)
    assert batch.ids.tolist() == ragged(sequences).ids.tolist() == [5, 6, 7, 1, 2, 3]


@pytest.mark.parametrize("parts", [(), (1,), (1, 1, 2)])
def test_parts_that_do_not_add_up_are_refused(parts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^parts \(.*\) of 3 sequences do not add up$"):
        ragged([tokens(1), tokens(2), tokens(3)], parts)


def test_arrays_give_the_same_batch_as_lists() -> None:
    lists = [Tokens([3, 1, 2], [0, 1, 1]), tokens(9), Tokens([4, 5, 6], [0, 0, 1]), tokens(7, 8)]
    column = TokenColumn.of(lists)
    expected = ragged(lists)
    for sequences in (column.take(range(4)), [lists[0], *column.take([1, 2]), lists[3]]):
        batch = ragged(sequences)
        assert batch.lengths == expected.lengths
        assert {type(length) for length in batch.lengths} == {int}
        for name in ("ids", "types", "positions", "starts"):
            tensor = getattr(batch, name)
            assert tensor.dtype == torch.int64
            assert torch.equal(tensor, getattr(expected, name))


def test_a_batch_has_tensors_of_its_own() -> None:
    column = TokenColumn.of([tokens(1, 2, 3)])
    ragged(column.take([0])).ids.zero_()
    assert column.ids.tolist() == [1, 2, 3]


def test_a_batch_lies_on_the_device_asked_for() -> None:
    batch = ragged([tokens(1, 2)], device="meta")
    tensors = (batch.ids, batch.types, batch.positions, batch.starts)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@pytest.mark.parametrize("sequences", [[], [tokens()], [Tokens([1, 2], [0])]])
def test_what_is_no_batch_is_refused(sequences: list[Tokens]) -> None:
    with pytest.raises(ValueError, match="sequence"):
        ragged(sequences)


def test_the_sequence_that_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"^sequence 1 has 2 token ids and 1 types$"):
        ragged([tokens(1), Tokens([1, 2], [0]), tokens()])


def test_evaluation_batches_by_hand() -> None:
    assert length_ordered_batches([5, 2, 9, 2, 4], max_tokens=8) == [[1, 3, 4], [0], [2]]
    assert length_ordered_batches([], max_tokens=8) == []
    assert length_ordered_batches([20, 30], max_tokens=8) == [[0], [1]]


def test_evaluation_batches_hold_everything_once_within_the_bound() -> None:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 50, (200,), generator=generator).tolist()
    batches = length_ordered_batches(lengths, max_tokens=64)
    flat = [i for batch in batches for i in batch]
    assert sorted(flat) == list(range(200))
    assert [lengths[i] for i in flat] == sorted(lengths)
    assert all(sum(lengths[i] for i in batch) <= 64 for batch in batches)
    for batch, following in pairwise(batches):
        assert sum(lengths[i] for i in batch) + lengths[following[0]] > 64
