from collections.abc import Sequence

import pytest

from mtbench.data.tokenisation import AT_ONCE, TextCounts, counts, encode, items
from mtbench.protocols import Examples, Pair, TaskInfo, Tokens

CLASSES = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=3)
SCORE = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0, 5))


class Words:
    """A token for each ASCII word, between two that every sequence has; six at most."""

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
        return [self.one(item) for item in texts]

    def one(self, item: tuple[str, ...]) -> Tokens:
        words = [len(word) + 1 for text in item for word in text.split() if word.isascii()]
        ids = [0, *words[:4], 1]
        return Tokens(ids, [0] * len(ids), cut=len(words) > 4)


def counted(texts: Sequence[tuple[str, ...]], pair: Pair = "separate") -> TextCounts:
    examples = Examples(tuple(map(str, range(len(texts)))), tuple(texts), None)
    info = CLASSES if len(texts[0]) == 1 else SCORE
    return counts(encode(items(examples, info, pair), Words()))


def test_what_is_cut_is_counted_and_what_just_fits_is_not() -> None:
    assert counted([("a b c",), ("a b c d",), ("a b c d e",)]) == TextCounts(3, cut=1, empty=0)


@pytest.mark.parametrize("text", ["東京", "\u200b", "   ", ""])
def test_a_text_without_a_token_of_its_own_is_counted(text: str) -> None:
    assert counted([("a film",), (text,), ("b",)]) == TextCounts(3, cut=0, empty=1)


@pytest.mark.parametrize(
    ("pair", "cut"),
    [
        ("separate", 1),  # each sentence is cut by itself
        ("joined", 3),
    ],
)
def test_an_example_counts_once_whichever_of_its_sentences_it_is(pair: Pair, cut: int) -> None:
    texts = [
        ("a", "b"),
        ("東", "b"),
        ("a", "東"),
        ("東", "東"),
        ("a b c d e", "a b c d e"),
        ("a b", "a b c"),
        ("a b c", "a b"),
    ]

    assert counted(texts, pair) == TextCounts(7, cut=cut, empty=3)


@pytest.mark.parametrize("size", [0, AT_ONCE, 2 * AT_ONCE + 1])
def test_a_long_column_is_tokenised_in_pieces(size: int) -> None:
    texts = [[("a " * (place % 7),) for place in range(size)]]
    [column] = encode(texts, Words())
    assert column.lengths.tolist() == [min(place % 7, 4) + 2 for place in range(size)]
    assert column.cut.tolist() == [place % 7 > 4 for place in range(size)]
    assert column.empty.tolist() == [place % 7 == 0 for place in range(size)]


def test_a_pair_that_is_cut_to_nothing_of_one_sentence_is_not_empty() -> None:
    assert counted([("a b c d e", "f")], "joined") == TextCounts(1, cut=1, empty=0)
