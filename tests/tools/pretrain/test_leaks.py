from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.api import UsageError
from tools.pretrain.leaks import BEGINNING, SPLITS, TEXTS, Filter, evaluation_filter, key

Write = Callable[..., Path]

REVIEW = (
    "I saw this film at a festival with a friend, and we laughed from the beginning to the end. "
    "See it."
)


@pytest.mark.parametrize(
    ("written", "tokenised"),
    [
        ("It does n't work .", "It doesn't work."),
        ("`` Good '' , he said", '"Good", he said'),
        ("A  BAND\tplays", "A band plays."),
        ("well-made", "well made"),
    ],
)
def test_a_key_is_the_same_however_a_text_is_written(written: str, tokenised: str) -> None:
    assert key(written) == key(tokenised)


@given(st.lists(st.text(alphabet="abcXYZ019", min_size=1), min_size=1), st.sampled_from(" .-_'"))
def test_a_key_is_of_letters_and_digits(words: list[str], mark: str) -> None:
    assert key(mark.join(words)) == "".join(words).lower()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("task", TEXTS)
def test_the_texts_of_every_file_are_dropped(
    tmp_path: Path, write_evaluation: Write, task: str, split: str
) -> None:
    allowed = evaluation_filter(write_evaluation(tmp_path, {f"{task}-{split}": ["A dog barks ."]}))
    assert allowed.document("It rains. A dog barks! It snows.") == ["It rains.", "It snows."]
    assert not allowed.allows("a dog  barks")
    assert allowed.allows("A dog sings.")


@pytest.mark.parametrize("column", [0, 1])
def test_both_sentences_of_a_pair_are_dropped(
    tmp_path: Path, write_evaluation: Write, column: int
) -> None:
    folder = write_evaluation(tmp_path)
    pair = ["A dog barks.", "A cat sleeps."]
    (folder / "sts-dev.csv").write_text("id\tsentence1\tsentence2\n0\t" + "\t".join(pair) + "\n")
    assert not evaluation_filter(folder).allows(pair[column])


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        ("Another day. See it!", ["Another day."]),
        (REVIEW.replace(",", " ,"), []),
        (REVIEW.replace("See it.", "Do not see it. It was remade later."), []),
        (REVIEW[:80], []),
    ],
    ids=["a sentence of it", "equal but for spaces", "with another end", "cut short"],
)
def test_a_review_is_dropped_as_a_whole_and_by_sentences(
    tmp_path: Path, write_evaluation: Write, document: str, kept: list[str]
) -> None:
    allowed = evaluation_filter(write_evaluation(tmp_path, {"ids-cfimdb-train": [REVIEW]}))
    assert allowed.document(document) == kept


def test_a_short_beginning_drops_nothing(tmp_path: Path, write_evaluation: Write) -> None:
    short = "Who is the president"
    assert len(key(short)) < BEGINNING
    allowed = evaluation_filter(write_evaluation(tmp_path, {"quora-dev": [short]}))
    longer = f"{short} of this and that country, and since when, and who was it before?"
    assert allowed.document(longer) == [longer]


def test_what_is_dropped_is_counted() -> None:
    allowed = Filter(frozenset({"adogbarks", "itrainsitsnows"}), frozenset())
    kept = [
        allowed.document(text)
        for text in ("It rains. It snows.", "A dog barks. We sing. A dog barks!", "We sing.")
    ]
    assert kept == [[], ["We sing."], ["We sing."]]
    counts = (allowed.documents, allowed.document_sentences, allowed.sentences)
    assert counts == (1, 2, 2)


def test_a_text_without_a_letter_forbids_nothing(tmp_path: Path, write_evaluation: Write) -> None:
    allowed = evaluation_filter(write_evaluation(tmp_path, {"sts-train": ["...", ""]}))
    assert allowed.allows("?!")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no evaluation data: {file} is not there"),
        (b"id\tsentence1\n0\tA dog barks.\n", "{file}: no column 'sentence2'"),
        (b"sentence1\tsentence2\n\xe9\tb\n", "{file}: no table in UTF-8 ("),
        (b"x" * 200_000, "{file}: no table in UTF-8 ("),
    ],
    ids=["missing", "no column", "no UTF-8", "no table"],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, write_evaluation: Write, content: bytes | None, message: str
) -> None:
    file = write_evaluation(tmp_path) / "sts-dev.csv"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        evaluation_filter(tmp_path)
    assert str(refused.value).startswith(message.format(file=file))
