import random
from dataclasses import replace

import numpy as np
import pytest

from mtbench.data.token_column import TokenColumn
from mtbench.protocols import Tokens

SEQUENCES = [
    Tokens([5, 6, 7], [0, 0, 1], cut=True),
    Tokens([], []),
    Tokens([8], [1]),
    Tokens([9, 5], [0, 0]),
]


def read(column: TokenColumn) -> list[Tokens]:
    return [as_lists(column[i]) for i in range(len(column))]


def as_lists(tokens: Tokens) -> Tokens:
    return Tokens(list(tokens.ids), list(tokens.types), tokens.cut)


def test_the_arrays_of_a_column_by_hand() -> None:
    column = TokenColumn.of(SEQUENCES)

    assert column.ids.tolist() == [5, 6, 7, 8, 9, 5]
    assert column.types.tolist() == [0, 0, 1, 1, 0, 0]
    assert column.offsets.tolist() == [0, 3, 3, 4, 6]
    assert column.lengths.tolist() == [3, 0, 1, 2]
    assert column.cut.tolist() == [True, False, False, False]
    assert column.empty.tolist() == [False] * 4
    arrays = (column.ids, column.types, column.offsets, column.cut, column.empty)
    assert [array.dtype for array in arrays] == [np.int32, np.uint8, np.int64, bool, bool]


def test_columns_are_laid_end_to_end() -> None:
    whole = replace(TokenColumn.of(SEQUENCES), empty=np.array([False, True, False, True]))
    for cut in range(1, len(SEQUENCES)):
        joined = TokenColumn.joined([whole.select(range(cut)), whole.select(range(cut, 4))])
        assert read(joined) == SEQUENCES
        assert joined.empty.tolist() == whole.empty.tolist()
        assert joined.offsets.tolist() == whole.offsets.tolist()


def test_sequences_come_back_as_they_went_in() -> None:
    column = TokenColumn.of(SEQUENCES)

    assert len(column) == 4
    assert read(column) == SEQUENCES
    assert as_lists(column[-1]) == SEQUENCES[-1]
    assert [as_lists(each) for each in column] == SEQUENCES
    assert read(TokenColumn.of(column.take(range(4)))) == SEQUENCES  # views go in as lists do


@pytest.mark.parametrize("index", [4, -5])
def test_there_is_no_sequence_beyond_the_ends(index: int) -> None:
    with pytest.raises(IndexError):
        TokenColumn.of(SEQUENCES)[index]


def test_sequences_are_views() -> None:
    column = TokenColumn.of(SEQUENCES)

    for tokens in column.take([0, 3, 0]):
        assert np.shares_memory(tokens.ids, column.ids)
        assert np.shares_memory(tokens.types, column.types)


def test_sequences_are_taken_and_selected_in_the_order_asked_for() -> None:
    sequences = [
        Tokens([random.randrange(30_000) for _ in range(n)], [random.randrange(2)] * n)
        for n in (random.randrange(9) for _ in range(50))
    ]
    column = TokenColumn.of(sequences)
    rows = [random.randrange(50) for _ in range(70)]

    expected = [sequences[i] for i in rows]
    assert [as_lists(tokens) for tokens in column.take(rows)] == expected
    selected = column.select(rows)
    assert read(selected) == expected
    assert selected.lengths.tolist() == [len(tokens.ids) for tokens in expected]
    assert not np.shares_memory(selected.ids, column.ids)


def test_selected_sequences_keep_what_is_known_of_them() -> None:
    column = replace(TokenColumn.of(SEQUENCES), empty=np.array([False, True, False, False]))

    selected = column.select([1, 0, 3, 1])

    assert selected.cut.tolist() == [False, True, False, False]
    assert selected.empty.tolist() == [True, False, False, True]


@pytest.mark.parametrize("ids", [[5, 6, 7], [], [8], [9, 5], [9, 6], [8, 8, 8, 8]])
def test_sequences_that_equal_another_one(ids: list[int]) -> None:
    found = TokenColumn.of(SEQUENCES).equal(Tokens(ids, [0] * len(ids)))

    assert found.tolist() == [sequence.ids == ids for sequence in SEQUENCES]


def test_a_column_of_nothing() -> None:
    for column in (TokenColumn.of([]), TokenColumn.of(SEQUENCES).select([])):
        assert (len(column), column.offsets.tolist(), column.take([])) == (0, [0], [])


def test_segments_that_are_missing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^sequence 1 has 2 token ids and 1 segments$"):
        TokenColumn.of([Tokens([1], [0]), Tokens([1, 2], [0])])


@pytest.mark.parametrize("tokens", [Tokens([2**31], [0]), Tokens([1], [256]), Tokens([1], [-1])])
def test_numbers_that_do_not_fit_are_refused(tokens: Tokens) -> None:
    with pytest.raises(OverflowError):
        TokenColumn.of([tokens])
