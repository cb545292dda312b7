import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.api import Tokens, UsageError
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
        assert tokens == Tokens(expected["input_ids"], expected["token_type_ids"])


def test_equals_the_bert_tokenizer_on_a_real_vocabulary(minilm: Path) -> None:
    from transformers import BertTokenizer

    reference = BertTokenizer.from_pretrained(minilm)
    texts = [(sentence,) for sentence in SENTENCES] + list(PAIRS)
    for text, tokens in zip(texts, tokenizer_of(minilm, 12).encode(texts), strict=True):
        expected = reference(*text, truncation="longest_first", max_length=12)
        assert tokens == Tokens(expected["input_ids"], expected["token_type_ids"])


def test_equals_the_bert_tokenizer_on_the_shipped_vocabulary() -> None:
    from transformers import BertTokenizer

    reference = BertTokenizer.from_pretrained(SHIPPED[TINY])
    sentences = (*SENTENCES, "naïve señor Ångström (No. 7)", "\U0001f600 xqzzvkj don't, e.g. 9:45")
    texts = [(sentence,) for sentence in sentences] + list(PAIRS)
    encoded = WordPieceTokenizer(TinyParameters()).encode(texts)
    for text, tokens in zip(texts, encoded, strict=True):
        expected = reference(*text)
        assert tokens == Tokens(expected["input_ids"], expected["token_type_ids"])


@pytest.mark.parametrize(("max_tokens", "length"), [(None, 16), (400, 16), (10, 10)])
def test_sequences_are_cut_at_the_last_position(
    bert_folder: Folder, max_tokens: int | None, length: int
) -> None:
    tokenizer = tokenizer_of(bert_folder(), max_tokens)
    [long, pair, short] = tokenizer.encode([("film " * 30,), ("film " * 30, "bad"), ("film",)])
    assert len(long.ids) == len(pair.ids) == length
    assert pair.ids[-3:] == [3, 9, 3]  # the longer sentence was cut, the short one is whole
    assert short.ids == [2, 6, 3]  # and nothing is padded


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
    with pytest.raises(UsageError, match=r"vocab\.txt: no \[CLS\], \[SEP\] in it"):
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
