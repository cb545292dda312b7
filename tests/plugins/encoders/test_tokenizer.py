import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tokenizers

from mtbench.api import Tokens, UsageError
from mtbench_builtins.encoders import tokenizer
from mtbench_builtins.encoders.parameters import MinBertParameters, TinyParameters
from mtbench_builtins.encoders.shipped import SHIPPED, TINY
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

Folder = Callable[..., Path]

SENTENCES = (
    "The film was good.",
    "Unwatchable!  It's a bad,bad FILM — not a Café film",
    "",
    "films unwatchables [SEP] 東京 \t the\u200bfilm",
)
PAIRS = (("the film was good", "a bad film!"), ("", "i"), ("the " * 9, "film " * 4))


def tokenizer_of(folder: Path, max_tokens: int | None = None) -> WordPieceTokenizer:
    return WordPieceTokenizer(MinBertParameters(checkpoint=str(folder), max_tokens=max_tokens))


def test_token_ids_by_hand(bert_folder: Folder) -> None:
    single, pair = tokenizer_of(bert_folder()).encode(
        [("The film, unwatchable!",), ("a café", "the dog")]
    )
    assert single == Tokens([2, 5, 6, 17, 11, 12, 13, 19, 3], [0] * 9)
    assert pair == Tokens([2, 14, 21, 3, 5, 1, 3], [0, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("saved_as", ["vocab.txt", "tokenizer.json"])
@pytest.mark.parametrize("lower", [True, False])
def test_equals_the_bert_tokenizer_of_transformers(
    bert_folder: Folder, saved_as: str, lower: bool
) -> None:
    from transformers import BertTokenizer

    folder = bert_folder()
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}))
    reference = BertTokenizer.from_pretrained(folder, do_lower_case=lower)
    if saved_as == "tokenizer.json":
        reference.save_pretrained(folder)
        (folder / "vocab.txt").unlink(missing_ok=True)
    texts = [(sentence,) for sentence in SENTENCES] + list(PAIRS)
    encoded = tokenizer_of(folder).encode(texts)
    for text, tokens in zip(texts, encoded, strict=True):
        expected = reference(*text, truncation="longest_first", max_length=16)
        assert tokens[:2] == (expected["input_ids"], expected["token_type_ids"])


def test_equals_the_bert_tokenizer_on_a_real_vocabulary(minilm: Path) -> None:
    from transformers import BertTokenizer

    reference = BertTokenizer.from_pretrained(minilm)
    texts = [(sentence,) for sentence in SENTENCES] + list(PAIRS)
    for text, tokens in zip(texts, tokenizer_of(minilm, 12).encode(texts), strict=True):
        expected = reference(*text, truncation="longest_first", max_length=12)
        assert tokens[:2] == (expected["input_ids"], expected["token_type_ids"])


def test_equals_the_bert_tokenizer_on_the_shipped_vocabulary() -> None:
    from transformers import BertTokenizer

    reference = BertTokenizer.from_pretrained(SHIPPED[TINY])
    sentences = (*SENTENCES, "naïve señor Ångström (No. 7)", "\U0001f600 xqzzvkj don't, e.g. 9:45")
    texts = [(sentence,) for sentence in sentences] + list(PAIRS)
    encoded = WordPieceTokenizer(TinyParameters()).encode(texts)
    for text, tokens in zip(texts, encoded, strict=True):
        expected = reference(*text)
        assert tokens[:2] == (expected["input_ids"], expected["token_type_ids"])


@pytest.mark.parametrize(("max_tokens", "length"), [(None, 16), (16, 16), (10, 10)])
def test_sequences_are_cut_at_the_last_position(
    bert_folder: Folder, max_tokens: int | None, length: int
) -> None:
    tokenizer = tokenizer_of(bert_folder(), max_tokens)
    [long, pair, short] = tokenizer.encode([("film " * 30,), ("film " * 30, "bad"), ("film",)])
    assert len(long.ids) == len(pair.ids) == length
    assert pair.ids[-3:] == [3, 9, 3]  # the longer sentence was cut, the short one is whole
    assert short.ids == [2, 6, 3]  # and nothing is padded
    assert (long.cut, pair.cut, short.cut) == (True, True, False)


@pytest.mark.parametrize(
    ("item", "cut"),
    [
        (("film " * 8,), False),
        (("film " * 9,), True),
        (("film " * 7 + "unwatchable",), True),  # its last word is three pieces
        (("film " * 4, "film " * 3), False),
        (("film " * 4, "film " * 4), True),
        (("", "film " * 7), False),
        (("film " * 8, ""), True),
    ],
)
def test_a_sequence_says_that_it_was_cut_and_one_that_just_fits_does_not(
    bert_folder: Folder, item: tuple[str, ...], cut: bool
) -> None:
    [tokens] = tokenizer_of(bert_folder(), 10).encode([item])
    assert (len(tokens.ids), tokens.cut) == (10, cut)


def test_padding_and_truncation_of_the_file_are_ignored(bert_folder: Folder) -> None:
    from transformers import BertTokenizer

    folder = bert_folder()
    reference = BertTokenizer.from_pretrained(folder)._tokenizer
    reference.enable_padding(length=40)
    reference.enable_truncation(4)
    reference.save(str(folder / "tokenizer.json"))
    [tokens] = tokenizer_of(folder).encode([("the film was not good",)])
    assert tokens.ids == [2, 5, 6, 7, 10, 8, 3]


def test_a_vocabulary_without_special_tokens_is_refused(bert_folder: Folder) -> None:
    folder = bert_folder()
    (folder / "vocab.txt").write_text("[UNK]\nfilm\n")
    with pytest.raises(UsageError, match=r"vocab\.txt: no \[CLS\], \[SEP\] in it$"):
        tokenizer_of(folder)


def test_more_tokens_than_embeddings_are_refused(bert_folder: Folder) -> None:
    folder = bert_folder()
    with (folder / "vocab.txt").open("a") as file:
        file.write("more\n")
    with pytest.raises(UsageError, match="24 tokens, but the weights have 23"):
        tokenizer_of(folder)


def test_a_broken_tokenizer_json_is_refused(bert_folder: Folder) -> None:
    folder = bert_folder()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match=r"tokenizer\.json: .* cannot read it"):
        tokenizer_of(folder)


# --- what decides the token ids ---------------------------------------------------------------


def test_the_fingerprint_is_of_vocabulary_configuration_and_length(
    bert_folder: Folder, tmp_path: Path
) -> None:
    folder = bert_folder()
    found = [tokenizer_of(folder).fingerprint, tokenizer_of(folder, 12).fingerprint]
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    found.append(tokenizer_of(folder).fingerprint)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text(vocabulary.read_text().replace("\nfilm\n", "\nmovie\n"))
    found.append(tokenizer_of(folder).fingerprint)
    found.append(WordPieceTokenizer(TinyParameters()).fingerprint)

    assert len(set(found)) == 5
    assert {len(each) for each in found} == {64}


def test_neither_place_nor_weights_nor_dropout_are_in_the_fingerprint(
    bert_folder: Folder, tmp_path: Path
) -> None:
    folder = bert_folder()
    first = tokenizer_of(folder)
    elsewhere = folder.rename(tmp_path / "elsewhere")
    (elsewhere / "model.safetensors").write_bytes(b"other weights")

    other = MinBertParameters(checkpoint=str(elsewhere), dropout=0.5, mode="frozen", max_tokens=16)
    assert WordPieceTokenizer(other).fingerprint == first.fingerprint


def test_the_version_of_the_library_and_ours_are_in_the_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fingerprint() -> str:
        return WordPieceTokenizer(TinyParameters()).fingerprint

    found = [fingerprint()]
    with monkeypatch.context() as patch:
        patch.setattr(tokenizers, "__version__", "0.0.1")
        found.append(fingerprint())
    monkeypatch.setattr(tokenizer, "FORMAT", 0)
    found.append(fingerprint())

    assert len(set(found)) == 3


def test_another_process_finds_the_same_fingerprint() -> None:
    script = """
from mtbench_builtins.encoders.parameters import TinyParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer
print(WordPieceTokenizer(TinyParameters()).fingerprint)
"""
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert printed.strip() == WordPieceTokenizer(TinyParameters()).fingerprint
