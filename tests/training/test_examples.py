from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mtbench import data
from mtbench.data.token_cache import TokenCache
from mtbench.data.token_column import TokenColumn
from mtbench.errors import PluginError
from mtbench.protocols import Examples, Pair, TaskInfo, Tokens
from mtbench.training.examples import TokenisedExamples, example_stream, tokenise

SINGLE = TaskInfo(sentences=1, loss="squared-error", metrics=("pearson",), score_range=(0, 5))
PAIRED = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0, 5))


LONGEST = 30


class Letters:
    """A token a letter, but for white space; a second sentence is segment 1."""

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
        return [self.one(item) for item in texts]

    def one(self, item: tuple[str, ...]) -> Tokens:
        ids = [ord(letter) for text in item for letter in text if letter != " "]
        types = [i for i, text in enumerate(item) for letter in text if letter != " "]
        return Tokens(ids[:LONGEST], types[:LONGEST], cut=len(ids) > LONGEST)


def read(column: Sequence[Tokens]) -> list[str]:
    return ["".join(map(chr, sequence.ids)) for sequence in column]


SENTENCES = Examples(("a", "b", "c"), (("one",), ("two",), ("three",)), (0.0, 2.5, 5.0))
PAIRS = Examples(("a", "b"), (("one", "eins"), ("two", "zwei")), (1.0, 4.0))


@pytest.mark.parametrize("pair", ["separate", "joined"])
def test_one_sentence_makes_one_column(pair: Pair) -> None:
    tokenised = tokenise(SENTENCES, Letters(), SINGLE, pair)

    assert [read(column) for column in tokenised.sequences] == [["one", "two", "three"]]
    assert tokenised.ids == ("a", "b", "c")
    assert tokenised.labels == (0.0, 2.5, 5.0)
    assert len(tokenised) == 3


def test_a_separate_pair_makes_two_columns() -> None:
    tokenised = tokenise(PAIRS, Letters(), PAIRED, "separate")

    assert [read(column) for column in tokenised.sequences] == [["one", "two"], ["eins", "zwei"]]
    assert {t for column in tokenised.sequences for s in column for t in s.types} == {0}
    assert tokenised.lengths.tolist() == [7, 7]


def test_a_joined_pair_makes_one_column_with_segments() -> None:
    tokenised = tokenise(PAIRS, Letters(), PAIRED, "joined")

    assert [read(column) for column in tokenised.sequences] == [["oneeins", "twozwei"]]
    assert tokenised.sequences[0][0].types.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert tokenised.lengths.tolist() == [7, 7]


def test_a_split_without_labels_has_zeros() -> None:
    unlabelled = Examples(PAIRS.ids, PAIRS.texts, None)

    assert tokenise(unlabelled, Letters(), PAIRED, "separate").labels == (0.0, 0.0)


def test_a_batch_takes_the_examples_that_are_asked_for_in_that_order() -> None:
    batch = tokenise(SENTENCES, Letters(), SINGLE, "separate").batch([2, 0])

    assert [read(column) for column in batch.sequences] == [["three", "one"]]
    assert batch.labels.tolist() == [5.0, 0.0]


def test_the_examples_of_a_split_without_any() -> None:
    assert len(TokenisedExamples((), (TokenColumn.of([]),), ())) == 0


def test_a_part_holds_the_examples_of_these_ids_in_that_order() -> None:
    whole = tokenise(PAIRS, Letters(), PAIRED, "separate")
    part = whole.part(("b", "a"))

    assert part.ids == ("b", "a")
    assert [read(column) for column in part.sequences] == [["two", "one"], ["zwei", "eins"]]
    assert part.labels == (4.0, 1.0)
    assert part.lengths.tolist() == [7, 7]
    assert whole.part(("a", "b")) is whole


def test_a_tokenizer_that_loses_a_text_is_told() -> None:
    class Loses(Letters):
        def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
            return super().encode(texts)[1:]

    with pytest.raises(PluginError, match=r"^the tokenizer Loses gave 2 sequences for 3 items$"):
        tokenise(SENTENCES, Loses(), SINGLE, "separate")


@pytest.mark.parametrize("answer", [None, [[101, 102]] * 3, [Tokens([1], [])] * 3], ids=repr)
def test_what_is_no_list_of_tokens_is_told(answer: Any) -> None:
    class Odd(Letters):
        def encode(self, texts: Sequence[tuple[str, ...]]) -> Any:
            return answer

    with pytest.raises(PluginError, match=r"^the tokenizer Odd gave what is no list of tokens: "):
        tokenise(SENTENCES, Odd(), SINGLE, "separate")


# --- token ids that are kept ------------------------------------------------------------------


class Counting(Letters):
    """Remembers how many items it was given, call by call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
        self.calls.append(len(texts))
        return super().encode(texts)


MANY = Examples(
    tuple(f"{i:02}" for i in range(40)),
    tuple((f"text {i}", "x" * i) for i in range(40)),  # the first is empty, the last are cut
    tuple(i / 8 for i in range(40)),
)


def share_of(count: int) -> Examples:
    return data.share(MANY, count / 40, seed=0, task_name="sts")


def contents(tokenised: TokenisedExamples) -> Any:
    columns = [
        ([(list(t.ids), list(t.types), t.cut) for t in column], column.empty.tolist())
        for column in tokenised.sequences
    ]
    return tokenised.ids, tokenised.labels, columns


@pytest.fixture
def cache(tmp_path: Path) -> TokenCache:
    return TokenCache(tmp_path / "tokens", "letters")


@pytest.mark.parametrize("pair", ["separate", "joined"])
def test_token_ids_are_made_once_and_are_the_same(cache: TokenCache, pair: Pair) -> None:
    tokenizer = Counting()
    expected = contents(tokenise(MANY, Letters(), PAIRED, pair))
    for _ in range(3):
        assert contents(tokenise(MANY, tokenizer, PAIRED, pair, cache=cache)) == expected

    assert tokenizer.calls == {"separate": [40, 1, 40, 1], "joined": [40, 40, 40, 1]}[pair]


def test_ids_and_labels_are_not_kept(cache: TokenCache) -> None:
    tokenizer = Counting()
    renamed = replace(MANY, ids=tuple(f"other {i}" for i in MANY.ids), labels=None)

    tokenise(MANY, tokenizer, PAIRED, "joined", cache=cache)
    tokenised = tokenise(renamed, tokenizer, PAIRED, "joined", cache=cache)

    assert tokenizer.calls == [40, 40, 40, 1]
    assert (tokenised.ids, tokenised.labels) == (renamed.ids, (0.0,) * 40)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("count", [1, 3, 4, 20, 40])
def test_a_share_is_the_same_with_or_without_what_is_kept(
    cache: TokenCache, cached: bool, count: int
) -> None:
    share = share_of(count)
    if cached:
        tokenise(MANY, Letters(), PAIRED, "separate", cache=cache)

    given = tokenise(MANY, Letters(), PAIRED, "separate", share=share, cache=cache)

    assert len(given) == count
    assert contents(given) == contents(tokenise(share, Letters(), PAIRED, "separate"))


def test_shares_have_one_entry_and_small_ones_make_none(cache: TokenCache, tmp_path: Path) -> None:
    tokenizer = Counting()

    def tokenise_share(count: int) -> list[int]:
        """Return how many items were tokenised for a share, if any were."""
        tokenizer.calls.clear()
        tokenise(MANY, tokenizer, PAIRED, "joined", share=share_of(count), cache=cache)
        return tokenizer.calls[:1]

    assert tokenise_share(3) == [3]
    assert not (tmp_path / "tokens").exists()
    assert tokenise_share(4) == [40]  # a tenth
    assert [tokenise_share(count) for count in (1, 3, 4, 20, 40)] == [[]] * 5


# --- the stream of training examples ----------------------------------------------------------

SIZE = 23


def taken(count: int, *, seed: int = 0, task: str = "sst") -> list[int]:
    return [*islice(example_stream(seed, task, SIZE), count)]


def test_each_pass_takes_each_example_once_in_another_order() -> None:
    indices = taken(3 * SIZE)
    passes = [indices[i : i + SIZE] for i in range(0, 3 * SIZE, SIZE)]

    assert [sorted(each) for each in passes] == [list(range(SIZE))] * 3
    assert passes[0] != passes[1] != passes[2] != passes[0]


def test_the_order_depends_on_seed_and_task() -> None:
    orders = [taken(SIZE), taken(SIZE, seed=1), taken(SIZE, task="pd")]

    assert taken(SIZE) == orders[0]
    assert len({tuple(order) for order in orders}) == 3
