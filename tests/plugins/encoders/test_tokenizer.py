"""Tokenizers of both kinds of encoder: token ids, cutting, and what decides the ids."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import tokenizers

from mtbench.api import Tokens, UsageError
from mtbench_builtins.encoders import tokenizer
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.huggingface.tokenizer import HuggingFaceTokenizer
from mtbench_builtins.encoders.parameters import MinBertParameters, TinyParameters
from mtbench_builtins.encoders.shipped import SHIPPED, TINY
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

Folder = Callable[..., Path]
Make = Callable[..., Any]

TEXTS = [
    ("The film was good.",),
    ("Unwatchable!  It's a bad,bad FILM — not a Café film", "a film"),
    ("",),
    ("films unwatchables [SEP] 東京 \t the\u200bfilm",),
    ("naïve señor Ångström (No. 7)",),
    ("\U0001f600 xqzzvkj don't, e.g. 9:45",),
    ("the film was good", "a bad film!"),
    ("the " * 400, "film " * 300),
    ("a", ""),
    ("", "i"),
]
KINDS: dict[str, Make] = {
    "minbert": lambda **given: WordPieceTokenizer(MinBertParameters(**given)),
    "huggingface": lambda **given: HuggingFaceTokenizer(HuggingFaceParameters(**given)),
}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    """Give the function that makes an encoder's tokenizer of a checkpoint."""
    kind = KINDS[request.param]
    return lambda folder, max_tokens=None, **given: kind(
        checkpoint=str(folder), max_tokens=max_tokens, **given
    )


# --- token ids --------------------------------------------------------------------------------


def test_token_ids_by_hand(bert_folder: Folder, make: Make) -> None:
    single, pair = make(bert_folder()).encode([("The film, unwatchable!",), ("a café", "the dog")])
    assert single == Tokens([2, 5, 6, 17, 11, 12, 13, 19, 3], [0] * 9)
    assert pair == Tokens([2, 14, 21, 3, 5, 1, 3], [0, 0, 0, 0, 1, 1, 1])
    assert make(TINY).encode([]) == []


def equal_those_of_transformers(
    reference: Any, tokenizer: Any, max_tokens: int, texts: list[tuple[str, ...]]
) -> None:
    for text, tokens in zip(texts, tokenizer.encode(texts), strict=True):
        columns = [[sentence] for sentence in text]  # alone, an empty second one is taken for none
        expected = reference(*columns, truncation="longest_first", max_length=max_tokens)
        assert tokens[:2] == (expected["input_ids"][0], expected["token_type_ids"][0])


@pytest.mark.parametrize("saved_as", ["vocab.txt", "tokenizer.json"])
@pytest.mark.parametrize("lower", [True, False])
def test_equals_the_bert_tokenizer_of_transformers(
    bert_folder: Folder, make: Make, saved_as: str, lower: bool
) -> None:
    from transformers import BertTokenizer

    folder = bert_folder()
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}))
    reference = BertTokenizer.from_pretrained(folder, do_lower_case=lower)
    if saved_as == "tokenizer.json":
        reference.save_pretrained(folder)
        (folder / "vocab.txt").unlink(missing_ok=True)
    equal_those_of_transformers(reference, make(folder), 16, TEXTS)


@pytest.mark.parametrize("max_tokens", [None, 12])
@pytest.mark.parametrize("checkpoint", ["tiny", "minilm"])
def test_equals_the_bert_tokenizer_on_real_vocabularies(
    make: Make, checkpoint: str, max_tokens: int | None, request: pytest.FixtureRequest
) -> None:
    from transformers import BertTokenizer

    folder = SHIPPED[TINY] if checkpoint == TINY else request.getfixturevalue(checkpoint)
    reference = BertTokenizer.from_pretrained(folder)
    longest = max_tokens or reference.model_max_length
    equal_those_of_transformers(reference, make(folder, max_tokens), min(longest, 512), TEXTS)


# --- cutting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("max_tokens", "length"), [(None, 16), (16, 16), (10, 10)])
def test_sequences_are_cut_at_the_last_position(
    bert_folder: Folder, make: Make, max_tokens: int | None, length: int
) -> None:
    tokenizer = make(bert_folder(), max_tokens)
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
    bert_folder: Folder, make: Make, item: tuple[str, ...], cut: bool
) -> None:
    [tokens] = make(bert_folder(), 10).encode([item])
    assert (len(tokens.ids), tokens.cut) == (10, cut)


def test_padding_and_truncation_of_the_file_are_ignored(bert_folder: Folder, make: Make) -> None:
    from transformers import BertTokenizer

    folder = bert_folder()
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    stored = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    stored.enable_padding(length=40)
    stored.enable_truncation(4)
    stored.save(str(folder / "tokenizer.json"))
    [tokens] = make(folder).encode([("the film was not good",)])
    assert tokens.ids == [2, 5, 6, 7, 10, 8, 3]


# --- what is refused --------------------------------------------------------------------------


def test_a_vocabulary_without_special_tokens_is_refused(bert_folder: Folder) -> None:
    folder = bert_folder()
    (folder / "vocab.txt").write_text("[UNK]\nfilm\n")
    with pytest.raises(UsageError, match=r"vocab\.txt: no \[CLS\], \[SEP\] in it$"):
        KINDS["minbert"](checkpoint=str(folder))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("vocab.txt", "more\n", "24 tokens, but the weights have 23|gives the id 23, but there"),
        ("tokenizer.json", "{", "cannot read it|cannot load its tokenizer"),
    ],
)
def test_a_file_that_does_not_fit_is_told_in_one_line(
    bert_folder: Folder, make: Make, name: str, content: str, reason: str
) -> None:
    folder = bert_folder()
    with (folder / name).open("a") as file:
        file.write(content)
    with pytest.raises(UsageError, match=reason) as error:
        make(folder).encode([("film",), ("more",)])
    assert "\n" not in str(error.value)


# --- what decides the token ids ---------------------------------------------------------------


def test_the_fingerprint_is_of_vocabulary_configuration_and_length(
    bert_folder: Folder, make: Make
) -> None:
    folder = bert_folder()
    found = [make(folder).fingerprint, make(folder, 12).fingerprint]
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    found.append(make(folder).fingerprint)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text(vocabulary.read_text().replace("\nfilm\n", "\nmovie\n"))
    found += [make(folder).fingerprint, make(TINY).fingerprint]
    assert len(set(found)) == 5
    assert {len(each) for each in found} == {64}


def test_neither_place_nor_weights_nor_dropout_are_in_the_fingerprint(
    bert_folder: Folder, make: Make, tmp_path: Path
) -> None:
    folder = bert_folder()
    first = make(folder)
    elsewhere = folder.rename(tmp_path / "elsewhere")
    (elsewhere / "model.safetensors").write_bytes(b"other weights")
    assert make(elsewhere, 16, dropout=0.5, mode="frozen").fingerprint == first.fingerprint


def test_the_versions_of_the_libraries_are_in_the_fingerprint(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed in another version, or, as a library says it itself, in another one."""
    found = [make(TINY).fingerprint]
    for name in ("transformers", "tokenizers"):
        information = tmp_path / name / f"{name}-0.0.1.dist-info"
        information.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n"
        (information / "METADATA").write_text(metadata)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / name)
            if name == "tokenizers":
                patch.setattr(tokenizers, "__version__", "0.0.1")
            assert version(name) == "0.0.1"
            found.append(make(TINY).fingerprint)
    assert len(set(found)) == (3 if isinstance(make(TINY), HuggingFaceTokenizer) else 2)


def test_our_own_format_is_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    first = WordPieceTokenizer(TinyParameters()).fingerprint
    monkeypatch.setattr(tokenizer, "FORMAT", 0)
    assert WordPieceTokenizer(TinyParameters()).fingerprint != first


def test_another_process_finds_the_same_fingerprints() -> None:
    script = """
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.huggingface.tokenizer import HuggingFaceTokenizer
from mtbench_builtins.encoders.parameters import TinyParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer
print(WordPieceTokenizer(TinyParameters()).fingerprint)
print(HuggingFaceTokenizer(HuggingFaceParameters(checkpoint="tiny")).fingerprint)
"""
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert printed.split() == [kind(checkpoint=TINY).fingerprint for kind in KINDS.values()]
