from typing import Any

import pytest

from mtbench_builtins.encoders.word_piece import PARTS, disagreement, word_piece

PIECES = (
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    "The",
    "cafe",
    "caf\u00e9",
    "\u6771",
    "<s>",
    "</s>",
    "?",
)
IDS = {piece: i for i, piece in enumerate(PIECES)}
DEFAULT = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        ({}, [3, 5, 7, 7]),
        ({"do_lower_case": False}, [4, 6, 7, 7]),
        ({"strip_accents": False}, [3, 6, 7, 7]),
        ({"do_lower_case": False, "strip_accents": True}, [4, 5, 7, 7]),
        ({"tokenize_chinese_chars": False}, [3, 5, 0]),
    ],
)
def test_case_accents_and_chinese_characters(flags: dict[str, Any], ids: list[int]) -> None:
    assert word_piece(IDS, flags).encode("The caf\u00e9 \u6771\u6771").ids == [1, *ids, 2]


def test_other_tokens_at_the_ends_and_for_unknown_words() -> None:
    tokenizer = word_piece(IDS, {}, unk="?", cls="<s>", sep="</s>")
    encoding = tokenizer.encode("the", "dog")
    assert encoding.ids == [8, 3, 9, 10, 9]
    assert encoding.type_ids == [0, 0, 0, 1, 1]


def serialised(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {part: dict(said) for part, said in PARTS.items()}
    content["normalizer"] |= {
        "lowercase": True,
        "strip_accents": None,
        "handle_chinese_chars": True,
    }
    for part, said in changes.items():
        content[part] = said if said is None else content[part] | said
    return content


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"type": "BPE"}}, "its model has type 'BPE', not 'WordPiece'"),
        (
            {"model": {"max_input_chars_per_word": 50}},
            "its model has max_input_chars_per_word 50, not 100",
        ),
        (
            {"model": {"continuing_subword_prefix": ""}},
            "its model has continuing_subword_prefix '', not '##'",
        ),
        ({"normalizer": None}, "its normalizer has type None, not 'BertNormalizer'"),
        ({"normalizer": {"clean_text": False}}, "its normalizer has clean_text False, not True"),
        (
            {"pre_tokenizer": {"type": "Whitespace"}},
            "its pre_tokenizer has type 'Whitespace', not 'BertPreTokenizer'",
        ),
        ({"normalizer": {"lowercase": False}}, "its normalizer has lowercase False, not True"),
        (
            {"normalizer": {"strip_accents": False}},
            "its normalizer has strip_accents False, not None",
        ),
        ({"normalizer": {"strip_accents": True}}, None),  # as it lowers the case
        ({"model": {"vocab": {}, "unk_token": "<unk>"}, "post_processor": {}}, None),
        ({}, None),
    ],
)
def test_what_a_file_says_that_is_another_tokenizer(
    changes: dict[str, Any], said: str | None
) -> None:
    content = serialised() | {"post_processor": None}
    changes.pop("post_processor", None)
    assert disagreement(content | serialised(**changes), DEFAULT, {}) == said


def test_a_flag_that_was_given_may_be_another_than_the_files() -> None:
    given = {"do_lower_case": False}
    assert disagreement(serialised(), DEFAULT | given, given) is None
    kept = serialised(normalizer={"lowercase": False, "strip_accents": False})
    assert disagreement(kept, DEFAULT | given, given) is None
