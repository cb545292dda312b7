import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from mtbench.api import Tokens, UsageError
from mtbench_builtins.encoders.huggingface import library, tokenizer
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.huggingface.tokenizer import HuggingFaceTokenizer
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

Folder = Callable[..., Path]

TEXTS = [
    ("The film was good.",),
    ("Unwatchable!  It's a bad,bad FILM — not a Café film", "a film"),
    ("",),
    ("films unwatchables [SEP] 東京 \t the\u200bfilm",),
    ("the " * 400, "film " * 300),
    ("a", ""),
]


def tokenizer_of(folder: Path | str, max_tokens: int | None = None) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(
        HuggingFaceParameters(checkpoint=str(folder), max_tokens=max_tokens)
    )


# --- token ids -------------------------------------------------------------------------------


def test_a_berts_format_by_hand(folder_of: Folder) -> None:
    pair, single = tokenizer_of(folder_of("bert")).encode([("a café", "the dog"), ("Films",)])
    assert pair == Tokens([2, 14, 21, 3, 5, 1, 3], [0, 0, 0, 0, 1, 1, 1])
    assert single == Tokens([2, 22, 3], [0, 0, 0])


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_a_robertas_format_by_hand(folder_of: Folder, family: str) -> None:
    single, pair = tokenizer_of(folder_of(family)).encode([("a bad",), ("a", "bad")])
    assert single == Tokens([0, 5, 22, 6, 5, 8, 2], [0] * 7)
    assert pair == Tokens([0, 5, 2, 2, 6, 5, 8, 2], [0] * 8)


def test_an_mpnets_format_by_hand(folder_of: Folder) -> None:
    [pair] = tokenizer_of(folder_of("mpnet")).encode([("the film", "bad")])
    assert pair == Tokens([0, 5, 6, 2, 2, 9, 2], [0] * 7)


@pytest.mark.parametrize("max_tokens", [None, 12])
def test_equals_minberts_tokenizer_on_the_shipped_vocabulary(max_tokens: int | None) -> None:
    ours = WordPieceTokenizer(MinBertParameters(checkpoint="tiny", max_tokens=max_tokens))
    assert tokenizer_of("tiny", max_tokens).encode(TEXTS) == ours.encode(TEXTS)


def test_equals_minberts_tokenizer_on_a_real_checkpoint(minilm: Path) -> None:
    ours = WordPieceTokenizer(MinBertParameters(checkpoint=str(minilm)))
    assert tokenizer_of(minilm).encode(TEXTS) == ours.encode(TEXTS)


def test_nothing_is_nothing() -> None:
    assert tokenizer_of("tiny").encode([]) == []


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


def test_a_token_without_an_embedding_is_refused(folder_of: Folder) -> None:
    folder = folder_of("bert")
    with (folder / "vocab.txt").open("a") as file:
        file.write("more\n")
    found = tokenizer_of(folder)
    assert found.encode([("film",)]) == [Tokens([2, 6, 3], [0, 0, 0])]
    with pytest.raises(UsageError, match="gives the id 23, but there are embeddings for 23 tok"):
        found.encode([("film",), ("more",)])


def test_a_broken_tokenizer_is_said_in_one_line(folder_of: Folder) -> None:
    folder = folder_of("bert")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(UsageError, match="cannot load its tokenizer") as error:
        tokenizer_of(folder)
    assert "\n" not in str(error.value)


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


def test_the_fingerprint_is_of_files_and_length(folder_of: Folder) -> None:
    folder = folder_of("bert")
    found = [tokenizer_of(folder).fingerprint, tokenizer_of(folder, 12).fingerprint]
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    found.append(tokenizer_of(folder).fingerprint)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text(vocabulary.read_text().replace("\nfilm\n", "\nmovie\n"))
    found.append(tokenizer_of(folder).fingerprint)
    assert len(set(found)) == 4
    assert {len(each) for each in found} == {64}


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


def test_neither_place_nor_weights_nor_dropout_are_in_the_fingerprint(
    folder_of: Folder, tmp_path: Path
) -> None:
    folder = folder_of("bert")
    first = tokenizer_of(folder)
    elsewhere = folder.rename(tmp_path / "elsewhere")
    (elsewhere / "model.safetensors").write_bytes(b"other weights")
    other = HuggingFaceParameters(
        checkpoint=str(elsewhere), dropout=0.5, mode="frozen", max_tokens=20
    )
    assert HuggingFaceTokenizer(other).fingerprint == first.fingerprint


@pytest.mark.parametrize("name", ["transformers", "tokenizers"])
def test_the_versions_of_the_libraries_are_in_the_fingerprint(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokenizer_of("tiny").fingerprint
    monkeypatch.setattr(tokenizer, "version", lambda n: "0.0.1" if n == name else version(n))
    assert tokenizer_of("tiny").fingerprint != first


def test_another_process_finds_the_same_fingerprint() -> None:
    script = """
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.huggingface.tokenizer import HuggingFaceTokenizer
print(HuggingFaceTokenizer(HuggingFaceParameters(checkpoint="tiny")).fingerprint)
"""
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert printed.strip() == tokenizer_of("tiny").fingerprint
