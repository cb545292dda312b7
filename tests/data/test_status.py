from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mtbench.data import fingerprint
from mtbench.data.layouts import LaidOutTask, Layout
from mtbench.data.status import ClassBalance, ScoreBalance, TokenStatus, status
from mtbench.data.tokenisation import Tokenisation
from mtbench.errors import PluginError, UsageError
from mtbench.protocols import BadRow, Examples, Pair, Split, TaskInfo, Tokens
from mtbench_builtins.encoders.parameters import TinyParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

BAD = BadRow("a.csv", 5, "its sentence is empty")


def examples(*labels: float) -> Examples:
    ids = tuple(f"{i}" for i in range(len(labels)))
    return Examples(ids=ids, texts=(("x",),) * len(ids), labels=labels, bad_rows=(BAD,))


@dataclass(frozen=True)
class Given:
    """A task with the same examples in train and test, and no dev split."""

    examples: Examples
    info: TaskInfo

    def describe(self) -> TaskInfo:
        return self.info

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        if split == "dev":
            raise UsageError(f"no file dev.csv in {folder}")
        return self.examples


CLASSES = TaskInfo(
    sentences=1,
    loss="cross-entropy",
    metrics=("accuracy",),
    classes=3,
    published_sizes={"train": 6, "dev": 2},
)
SCORE = TaskInfo(sentences=1, loss="squared-error", metrics=("pearson",), score_range=(0, 5))


def test_classes(tmp_path: Path) -> None:
    given = examples(0, 0, 2, 0)

    train, dev, test = status({"a": Given(given, CLASSES)}, tmp_path)

    assert (train.task, train.split, train.rows, train.published) == ("a", "train", 4, 6)
    assert train.difference == -2
    assert train.balance == ClassBalance({"0": 0.75, "1": 0.0, "2": 0.25})
    assert train.fingerprint == fingerprint(given)
    assert train.bad_rows == (BAD,)
    assert train.problem is None
    assert dev.problem == f"no file dev.csv in {tmp_path}"
    assert (test.published, test.difference) == (None, None)


def test_a_split_that_cannot_be_read_is_a_record() -> None:
    _, dev, _ = status({"a": Given(examples(0), CLASSES)}, None)

    assert dev.problem == "no file dev.csv in None"
    assert (dev.rows, dev.balance, dev.fingerprint) == (None, None, None)
    assert (dev.published, dev.difference) == (2, None)


def test_an_empty_split_is_a_record() -> None:
    train, *_ = status({"a": Given(examples(), CLASSES)}, None)

    assert train.problem is not None
    assert train.problem.startswith("its train split is empty")


def test_labels_of_the_test_split_are_not_looked_at() -> None:
    train, _, test = status({"a": Given(examples(1, 2), CLASSES)}, None)

    assert test.rows == 2
    assert test.balance is None
    assert test.fingerprint not in (None, train.fingerprint)


def test_scores() -> None:
    train, *_ = status({"a": Given(examples(1, 2, 3, 4, 5), SCORE)}, None)

    assert isinstance(train.balance, ScoreBalance)
    assert train.balance.mean == 3
    assert train.balance.sd == pytest.approx(2.5**0.5)
    assert train.balance.quartiles == (2, 3, 4)


def test_one_score() -> None:
    train, *_ = status({"a": Given(examples(2.5), SCORE)}, None)

    assert train.balance == ScoreBalance(2.5, 0.0, (2.5, 2.5, 2.5))


def test_tasks_stay_in_the_order_given() -> None:
    task = Given(examples(1), SCORE)

    found = status({"b": task, "a": task}, None)

    assert [(one.task, one.split) for one in found] == [
        ("b", "train"),
        ("b", "dev"),
        ("b", "test"),
        ("a", "train"),
        ("a", "dev"),
        ("a", "test"),
    ]


def test_a_broken_plugin_is_not_hidden() -> None:
    with pytest.raises(PluginError, match="label outside"):
        status({"a": Given(examples(9), CLASSES)}, None)


# --- texts ------------------------------------------------------------------------------------

PAIRS = TaskInfo(sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0, 5))


@dataclass(frozen=True)
class Splits:
    """A task of pairs with the texts of its splits; one without texts cannot be read."""

    texts: Mapping[str, Sequence[tuple[str, str]]]

    def describe(self) -> TaskInfo:
        return PAIRS

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        if split not in self.texts:
            raise UsageError(f"no {split}")
        texts = tuple(self.texts[split])
        return Examples(tuple(map(str, range(len(texts)))), texts, (1.0,) * len(texts))


TEXTS = {
    "train": [("a film", "a dog"), ("b", "c"), ("b", "\u200b")],
    "dev": [("a dog", "a film"), ("a dog", "b")],
    "test": [("c", "b"), ("b", "c"), ("one two three four five six seven", "b")],
}


def test_examples_whose_texts_are_in_train_are_counted() -> None:
    shared = [split.shared for split in status({"a": Splits(TEXTS)}, None)]
    without = [split.shared for split in status({"a": Splits({**TEXTS, "train": []})}, None)]

    assert shared == [None, 1, 2]
    assert without == [None] * 3


@pytest.mark.parametrize(("pair", "cut"), [("separate", 1), ("joined", 1)])
def test_what_a_tokenizer_cuts_and_finds_nothing_in_is_counted(pair: Pair, cut: int) -> None:
    tokenizer = WordPieceTokenizer(TinyParameters(max_tokens=8))

    train, dev, test = status(
        {"a": Splits(TEXTS)}, None, {"a": [Tokenisation("tiny", tokenizer, pair)]}
    )

    assert train.tokens == (TokenStatus("tiny", pair, cut=0, empty=1),)
    assert dev.tokens == (TokenStatus("tiny", pair, cut=0, empty=0),)
    assert test.tokens == (TokenStatus("tiny", pair, cut=cut, empty=0),)


def test_a_task_of_one_sentence_takes_no_pair() -> None:
    tokenizer = WordPieceTokenizer(TinyParameters())

    train, dev, _ = status(
        {"a": Given(examples(1, 2), CLASSES)},
        None,
        {"a": [Tokenisation("t", tokenizer, "joined")]},
    )

    assert train.tokens == (TokenStatus("t", None, cut=0, empty=0),)
    assert dev.tokens == ()


class Failing:
    """A tokenizer of a checkpoint without the embedding of a word."""

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
        if ("a dog",) in texts:
            raise UsageError("the weights have no embedding of 'dog'")
        return [Tokens([1, 2], [0, 0]) for _ in texts]


def test_a_tokenizer_that_fails_is_told_of_its_split_alone() -> None:
    way = Tokenisation("mine", Failing(), "separate")

    train, dev, test = status({"a": Splits(TEXTS)}, None, {"a": [way]})

    problem = "the weights have no embedding of 'dog'"
    assert train.tokens == (TokenStatus("mine", "separate", problem=problem),)
    assert dev.tokens == (TokenStatus("mine", "separate", problem=problem),)
    assert (test.tokens[0].problem, test.rows) == (None, 3)
    assert (train.rows, train.problem) == (3, None)


# --- layouts ----------------------------------------------------------------------------------


def test_a_layout_is_told_with_its_own_sizes(tmp_path: Path) -> None:
    def read(path: Path, split: Split, *, with_labels: bool) -> Examples:
        return examples(1, 2)

    names: dict[Split, tuple[str, ...]] = {"train": ("t",), "dev": ("d",)}
    layout = Layout(name="mine", files=names, read=read, sizes={"train": 9})
    task = LaidOutTask(Given(examples(1), CLASSES), [layout])

    train, dev, test = status({"a": task}, tmp_path)
    assert [(one.layout, one.published) for one in (train, dev, test)] == [
        (None, 6),
        (None, 2),
        (None, None),
    ]
    for name in ("t", "d"):
        (tmp_path / name).touch()
    train, dev, test = status({"a": task}, tmp_path)
    assert (train.layout, train.published, train.difference) == ("mine", 9, -7)
    assert (dev.layout, dev.published, dev.rows) == ("mine", None, 2)
    assert (test.layout, test.problem) == (
        "mine",
        f"the layout mine ({tmp_path}) has no test split",
    )
