from pathlib import Path
from string import printable

import pytest

from mtbench.data import load
from mtbench_builtins.encoders.parameters import MinBertParameters, TinyParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer
from mtbench_builtins.encoders.vocabulary import SPECIAL, read, vocabulary
from mtbench_builtins.tasks.sample import SamplePD, SampleSST, SampleSTS, SampleTask
from mtbench_builtins.tasks.sample_parameters import (
    SamplePDParameters,
    SampleSSTParameters,
    SampleSTSParameters,
)

UNKNOWN = SPECIAL.index("[UNK]")

SENTENCES = ("Zebras (2) don't QUIZ @ 9:45 -- ok?", "a naïve café", "東京 \U0001f600 film", "")


def test_the_special_tokens_come_first_and_nothing_twice() -> None:
    pieces = vocabulary()
    assert pieces[:5] == SPECIAL
    assert len(set(pieces)) == len(pieces) == 8000


def test_a_model_without_a_checkpoint_has_the_tokens_of_tiny() -> None:
    texts = [(sentence,) for sentence in SENTENCES] + [SENTENCES[:2]]
    assert WordPieceTokenizer(MinBertParameters()).encode(texts) == WordPieceTokenizer(
        TinyParameters()
    ).encode(texts)


def test_any_ascii_text_has_no_unknown_token() -> None:
    tokenizer = WordPieceTokenizer(MinBertParameters())
    [printed, prose] = tokenizer.encode([(printable,), (SENTENCES[0],)])
    assert UNKNOWN not in printed.ids + prose.ids
    assert len(printed.ids) > len(prose.ids) > 10


@pytest.mark.parametrize(
    "task",
    [
        SampleSST(SampleSSTParameters()),
        SamplePD(SamplePDParameters()),
        SampleSTS(SampleSTSParameters()),
    ],
    ids=lambda task: task.name,
)
def test_sentences_of_the_sample_tasks_have_no_unknown_token(task: SampleTask) -> None:
    texts = load(task, "train", None, with_labels=True).texts
    encoded = WordPieceTokenizer(MinBertParameters()).encode(texts)
    assert UNKNOWN not in {id_ for tokens in encoded for id_ in tokens.ids}


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_end_at_line_feeds_only(tmp_path: Path, end: str) -> None:
    file = tmp_path / "vocab.txt"
    file.write_bytes(f"[UNK]\n\u2028\n\x85\na{end}".encode())
    assert read(file) == ("[UNK]", "\u2028", "\x85", "a")
