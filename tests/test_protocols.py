from typing import Any

import pytest
import torch

from mtbench.protocols import BadRow, Examples, RaggedBatch, TaskInfo

SENTIMENT = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5)
PARAPHRASE = TaskInfo(sentences=2, loss="binary-cross-entropy", metrics=("accuracy",), classes=2)
SIMILARITY = TaskInfo(
    sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
)


@pytest.mark.parametrize(("info", "outputs"), [(SENTIMENT, 5), (PARAPHRASE, 1), (SIMILARITY, 1)])
def test_a_head_gives_one_logit_a_class_else_one_number(info: TaskInfo, outputs: int) -> None:
    assert info.outputs == outputs


def test_a_separate_pair_has_two_embeddings() -> None:
    assert [info.embeddings("separate") for info in (SENTIMENT, PARAPHRASE)] == [1, 2]
    assert [info.embeddings("joined") for info in (SENTIMENT, PARAPHRASE)] == [1, 1]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"loss": "squared-error"}, "score_range"),
        ({"loss": "squared-error", "classes": 5}, "score_range"),
        ({"loss": "squared-error", "classes": 5, "score_range": (0.0, 5.0)}, "classes"),
        ({"loss": "cross-entropy"}, "classes"),
        ({"loss": "cross-entropy", "score_range": (0.0, 5.0)}, "score_range"),
        ({"loss": "binary-cross-entropy"}, "classes"),
    ],
)
def test_a_task_has_classes_or_a_score(target: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TaskInfo(sentences=1, metrics=("accuracy",), **target)


@pytest.mark.parametrize("sentences", [0, 3, True, 1.0, "1", None])
def test_a_task_is_of_one_sentence_or_of_two(sentences: Any) -> None:
    with pytest.raises(ValueError, match=r"^a task is of 1 sentence or of 2; given: "):
        TaskInfo(sentences=sentences, loss="cross-entropy", metrics=("accuracy",), classes=2)


def test_every_class_has_a_name_or_none_has() -> None:
    given = {"sentences": 1, "loss": "cross-entropy", "metrics": ("accuracy",), "classes": 3}

    assert TaskInfo(**given, class_names=("a", "b", "c")).class_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="3 classes have other names: "):
        TaskInfo(**given, class_names=("a", "b"))


@pytest.mark.parametrize("sizes", [None, [8544, 1101], {"training": 8544}])
def test_published_sizes_are_of_splits(sizes: Any) -> None:
    given = {"sentences": 1, "loss": "cross-entropy", "metrics": ("accuracy",), "classes": 3}

    assert TaskInfo(**given, published_sizes={"dev": 1101}).published_sizes == {"dev": 1101}
    with pytest.raises(ValueError, match=r"rows a split \(train, dev, test\): "):
        TaskInfo(**given, published_sizes=sizes)


def test_a_bad_row_says_where_it_is() -> None:
    assert str(BadRow("sts-dev.csv", 12, "no label")) == "sts-dev.csv:12: no label"


def test_examples_are_counted_by_their_ids() -> None:
    assert len(Examples(ids=("a", "b"), texts=(("x",), ("y",)), labels=None)) == 2


def ragged(lengths: tuple[int, ...]) -> RaggedBatch:
    stream = torch.zeros(sum(lengths), dtype=torch.int64)
    places = torch.arange(len(lengths))
    return RaggedBatch(stream, stream, stream, places, lengths, (len(lengths),))


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ((6, 3, 6, 4, 3, 6), {3: [1, 4], 4: [3], 6: [0, 2, 5]}),
        ((5,), {5: [0]}),
        ((2, 2), {2: [0, 1]}),
        ((4, 3, 2), {2: [2], 3: [1], 4: [0]}),
        ((), {}),
    ],
)
def test_equally_long_sequences_form_a_group(
    lengths: tuple[int, ...], groups: dict[int, list[int]]
) -> None:
    # As lists, for dictionaries are equal in any order.
    assert list(ragged(lengths).by_length().items()) == list(groups.items())
