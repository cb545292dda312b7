import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mtbench.api import Tokens, UsageError
from mtbench_builtins.encoders.huggingface import library
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.huggingface.tokenizer import HuggingFaceTokenizer

Folder = Callable[..., Path]


def tokenizer_of(folder: Path | str, max_tokens: int | None = None) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(
        HuggingFaceParameters(checkpoint=str(folder), max_tokens=max_tokens)
    )


# --- token ids -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_a_robertas_format_by_hand(folder_of: Folder, family: str) -> None:
    single, pair = tokenizer_of(folder_of(family)).encode([("a bad",), ("a", "bad")])
    assert single == Tokens([0, 5, 22, 6, 5, 8, 2], [0] * 7)
    assert pair == Tokens([0, 5, 2, 2, 6, 5, 8, 2], [0] * 8)


def test_an_mpnets_format_by_hand(folder_of: Folder) -> None:
    [pair] = tokenizer_of(folder_of("mpnet")).encode([("the film", "bad")])
    assert pair == Tokens([0, 5, 6, 2, 2, 9, 2], [0] * 7)


@pytest.mark.parametrize(
    ("family", "max_tokens", "length"),
    [
        ("bert", None, 20),
        ("bert", 9, 9),
        ("bert", 20, 20),
        ("roberta", None, 18),
        ("mpnet", 18, 18),
    ],
)
def test_sequences_are_cut_at_the_last_position(
    folder_of: Folder, family: str, max_tokens: int | None, length: int
) -> None:
    encode = tokenizer_of(folder_of(family), max_tokens).encode
    [long, pair, short] = encode([("film " * 30,), ("film " * 30, "a"), ("a",)])
    assert len(long.ids) == len(pair.ids) == length
    [whole] = encode([("a", "a")])
    assert pair.ids[-2:] == whole.ids[-2:]  # the longer sentence was cut, the short one is whole
    assert len(short.ids) == 3  # and nothing is padded
    assert (long.cut, pair.cut, short.cut, whole.cut) == (True, True, False, False)


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta-v2"])
@pytest.mark.parametrize("sentences", [1, 2])
def test_a_sequence_says_that_it_was_cut_and_one_that_just_fits_does_not(
    folder_of: Folder, family: str, sentences: int
) -> None:
    encode = tokenizer_of(folder_of(family), 8).encode
    texts = [text * n for text in ("a", "a ") for n in range(1, 11)]
    items = [(text, "a")[:sentences] for text in texts]

    found = [(len(tokens.ids), tokens.cut) for tokens in encode(items)]

    whole = [len(tokens.ids) for tokens in tokenizer_of(folder_of(family), 18).encode(items)]
    assert 8 in whole
    assert found == [(min(length, 8), length > 8) for length in whole]


@pytest.mark.parametrize(("family", "positions"), [("bert", 20), ("mpnet", 18), ("roberta", 18)])
def test_more_tokens_than_positions_are_refused(
    folder_of: Folder, family: str, positions: int
) -> None:
    with pytest.raises(
        UsageError, match=rf"^max_tokens is {positions + 1}, but .* is {positions}$"
    ):
        tokenizer_of(folder_of(family), positions + 1)


def test_the_tokenizers_own_limit_counts(folder_of: Folder) -> None:
    folder = folder_of("bert")
    config = {"tokenizer_class": "BertTokenizer", "model_max_length": 8}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    [tokens] = tokenizer_of(folder).encode([("film " * 30,)])
    assert len(tokens.ids) == 8


def test_a_model_without_positions_takes_sequences_of_any_length(folder_of: Folder) -> None:
    folder = folder_of("bert")
    (folder / "config.json").write_text(json.dumps({"model_type": "funnel", "vocab_size": 100}))
    [tokens] = tokenizer_of(folder).encode([("the film " * 300,)])
    assert (len(tokens.ids), tokens.cut) == (602, False)


def test_a_sentence_piece_model(folder_of: Folder) -> None:
    sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    pytest.importorskip("google.protobuf", reason="protobuf is not installed")
    folder = folder_of("deberta-v2")
    for name in ("vocab.txt", "tokenizer_config.json"):
        (folder / name).unlink()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["abba ab", "ba bab"] * 20),
        model_prefix=str(folder / "spm"),
        vocab_size=12,
        hard_vocab_limit=False,
        minloglevel=2,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        unk_piece="[UNK]",
    )
    [single, pair] = tokenizer_of(folder).encode([("abba",), ("ab", "ba")])
    assert (single.ids[0], single.ids[-1]) == (1, 2)
    assert (pair.ids[0], pair.ids.count(2), pair.types[0], pair.types[-1]) == (1, 2, 0, 1)


@pytest.mark.parametrize("missing", ["sentencepiece", "protobuf"])
def test_a_library_that_a_tokenizer_needs_is_named(
    folder_of: Folder, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    folder = folder_of("deberta-v2")
    (folder / "vocab.txt").rename(folder / "spm.model")

    def found(name: str) -> str:
        if name == missing:
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(library, "version", found)
    with pytest.raises(
        UsageError, match=rf"needs the library {missing}: pip install 'mtl-bench\["
    ):
        tokenizer_of(folder)


# --- what decides the token ids ---------------------------------------------------------------


def test_a_bertweets_merges_are_in_the_fingerprint(folder_of: Folder) -> None:
    folder = folder_of("bert")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertweetTokenizer"}')
    (folder / "vocab.txt").write_text("goo@@ 1\nd 1\ngood 1\n")
    found = []
    for merges in ("", "g o 5\ngo o 4\n", "g o 5\ngo o 4\ngoo d</w> 3\n"):
        (folder / "bpe.codes").write_text(f"#version: 0.2\n{merges}")
        made = tokenizer_of(folder)
        found.append((tuple(made.encode([("good",)])[0].ids), made.fingerprint))
    # <s> is 0, <pad> 1, </s> 2, <unk> 3, and then the vocabulary.
    assert [ids for ids, _ in found] == [(0, 3, 3, 3, 5, 2), (0, 4, 5, 2), (0, 6, 2)]
    assert len({fingerprint for _, fingerprint in found}) == 3
