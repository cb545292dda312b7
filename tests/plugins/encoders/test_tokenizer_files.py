import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from mtbench.api import Tokens, UsageError
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

PIECES = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "the", "The", "film", "FILM"),
    *("naive", "naïve", "Naïve", "caf", "##e", "##é", "##s", "[", "]", "ent", "ENT", "e", "E"),
    *("東", "京", "東京", "##京", "mask", "MASK", "sep", "SEP", ",", ".", "!", "x", "##x", "i"),
)
EMBEDDED = len(PIECES) + 4
"""Embeddings: there is room for tokens beside the vocabulary."""
BERT = {
    "model_type": "bert",
    "vocab_size": EMBEDDED,
    "hidden_size": 12,
    "num_hidden_layers": 1,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 32,
}
SPECIAL = PIECES[:5]
ADDED = ("[ENT]", "ENT", "Naïve", "the film", "[unused0]")
"""Tokens that stand beside the vocabulary in some folders; three are in it too."""

Files = dict[str, Any]


# --- folders and texts ------------------------------------------------------------------------


def id_of(content: str) -> int:
    return PIECES.index(content) if content in PIECES else len(PIECES)


def token(content: str, **marks: bool) -> dict[str, Any]:
    plain = dict.fromkeys(("lstrip", "rstrip", "single_word", "normalized", "special"), False)
    return {"content": content, **plain, **marks}


def ids(*tokens: Mapping[str, Any]) -> dict[str, Any]:
    return {str(id_of(each["content"])): dict(each) for each in tokens}


def serialised(
    lowercase: bool = True,
    strip: bool | None = None,
    chinese: bool = True,
    *,
    added: tuple[dict[str, Any], ...] = (),
    **changes: Any,
) -> dict[str, Any]:
    """Return a ``tokenizer.json`` of BERT's kind, with parts in the place of others."""
    pieces = {piece: i for i, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.normalizer = normalizers.BertNormalizer(
        lowercase=lowercase, strip_accents=strip, handle_chinese_chars=chinese
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    content["added_tokens"] += [{"id": id_of(each["content"]), **each} for each in added]
    content["model"] |= changes.pop("model", {})
    return content | changes


def written(folder: Path, files: Files) -> Path:
    for name, content in {"config.json": BERT, "model.safetensors": "", **files}.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def optional(**settings: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=settings)


booleans = st.booleans()
marked = st.builds(
    token,
    st.sampled_from(ADDED),
    lstrip=booleans,
    rstrip=booleans,
    single_word=booleans,
    normalized=booleans,
    special=booleans,
)
named = st.sampled_from(
    [
        {},
        {"cls_token": "[CLS]", "mask_token": "[MASK]"},
        {"mask_token": {"__type": "AddedToken", **token("[MASK]", lstrip=True)}},
        {"mask_token": None, "pad_token": None},
        {"cls_token": "[SEP]", "unk_token": "[MASK]"},
        {"sep_token": "x", "bos_token": "the", "eos_token": "[ENT]"},
        {"cls_token": None},
    ]
)
lists = st.lists(st.sampled_from(ADDED), max_size=2, unique=True)
configurations = st.builds(
    lambda plain, tokens: {**plain, **tokens},
    optional(
        do_lower_case=st.sampled_from([True, False, False, None]),
        strip_accents=st.sampled_from([True, False, None]),
        tokenize_chinese_chars=booleans,
        do_basic_tokenize=booleans,
        tokenizer_class=st.sampled_from(
            ["BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "ElectraTokenizer"]
        ),
        model_max_length=st.sampled_from([9, 512, 1e30]),
        truncation_side=st.sampled_from(["left", "right"]),
        additional_special_tokens=lists,
        extra_special_tokens=st.one_of(lists, st.just({})),
        added_tokens_decoder=st.lists(marked, max_size=2).map(lambda tokens: ids(*tokens)),
        split_special_tokens=st.just(False),
    ),
    named,
)
json_files = st.builds(
    serialised,
    booleans,
    st.sampled_from([None, None, True, False]),
    booleans,
    added=st.lists(marked, max_size=1).map(tuple),
) | st.sampled_from(
    [
        serialised(pre_tokenizer={"type": "Whitespace"}),
        serialised(normalizer={"type": "NFC"}),
        serialised(normalizer=None),
        serialised(model={"max_input_chars_per_word": 4}),
        serialised(model={"continuing_subword_prefix": "@@"}),
        serialised(post_processor=None),
        serialised(
            truncation={
                "direction": "Left",
                "max_length": 6,
                "strategy": "LongestFirst",
                "stride": 1,
            }
        ),
    ]
)
folders = st.builds(
    lambda files, both: (
        {"vocab.txt": "\n".join(PIECES) + "\n", **files}
        if both or "tokenizer.json" not in files
        else files
    ),
    optional(
        **{
            "tokenizer.json": json_files,
            "tokenizer_config.json": configurations,
            "special_tokens_map.json": st.builds(
                lambda plain, tokens: {**plain, **tokens},
                optional(
                    additional_special_tokens=lists,
                    mask_token=st.just(token("[MASK]", lstrip=True)),
                ),
                named,
            ),
            "added_tokens.json": st.dictionaries(
                st.sampled_from(ADDED), st.none(), max_size=2
            ).map(lambda tokens: {content: id_of(content) for content in tokens}),
        }
    ),
    booleans,
)
fragments = (
    *(
        "The Naïve Film",
        "the film",
        "cafés",
        "CAFÉ",
        "東京 film",
        "[ENT]",
        " ENT ",
        "ent",
        "[ent]",
    ),
    *("[SEP]", "[MASK]", "[CLS]  x", "[unused0]", "[PAD]", "x" * 110, "a\u0000b\u200bc\u00a0", ""),
    *("\u0130i\u0307", "e\u0301", "\t film\r\n", "...!", "\ufffd\U0001f600", "thethe film"),
)
texts = st.lists(st.sampled_from(fragments), max_size=6).map(" ".join)
items = st.lists(st.tuples(texts) | st.tuples(texts, texts), min_size=1, max_size=6)


# --- against transformers ---------------------------------------------------------------------


def of_transformers(folder: Path, max_tokens: int | None) -> Callable[[tuple[str, ...]], Tokens]:
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(folder)
    longest = max_tokens or min(reference.model_max_length, BERT["max_position_embeddings"])

    def encode(item: tuple[str, ...]) -> Tokens:
        columns = [[text] for text in item]  # alone, an empty second sentence is taken for none
        encoded = reference(
            *columns, truncation="longest_first", max_length=longest, return_token_type_ids=True
        )
        [whole], [ids] = reference(*columns)["input_ids"], encoded["input_ids"]
        return Tokens(ids, encoded["token_type_ids"][0], cut=len(whole) > len(ids))

    return encode


def ours(folder: Path, max_tokens: int | None) -> WordPieceTokenizer:
    return WordPieceTokenizer(MinBertParameters(checkpoint=str(folder), max_tokens=max_tokens))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(files=folders, max_tokens=st.sampled_from([None, 8, 12]), items=items)
def test_a_folder_gives_the_ids_of_transformers_or_is_refused(
    files: Files, max_tokens: int | None, items: list[tuple[str, ...]]
) -> None:
    with TemporaryDirectory() as place:
        folder = written(Path(place), files)
        try:
            tokenizer = ours(folder, max_tokens)
        except UsageError as error:
            event(f"refused: {str(error).replace(place, '')[:60]}")
            return
        event("taken")
        reference = of_transformers(folder, max_tokens)
        found = [(tokens.ids, tokens.types) for tokens in tokenizer.encode(items)]
        assert found == [reference(item)[:2] for item in items]


TEXT = "The Naïve FILM was [ENT] cafés 東京"
TAKEN: dict[str, tuple[Files, list[int]]] = {
    "nothing but a vocabulary": ({}, [6, 10, 8, 1, 17, 19, 18, 13, 14, 16, 23, 24]),
    "a configuration over tokenizer.json": (
        {
            "tokenizer.json": serialised(),
            "tokenizer_config.json": {"do_lower_case": False, "tokenizer_class": "BertTokenizer"},
        },
        [7, 12, 9, 1, 17, 20, 18, 13, 15, 16, 23, 24],
    ),
    "accents that are kept": (
        {"tokenizer_config.json": {"strip_accents": False}},
        [6, 11, 8, 1, 17, 19, 18, 13, 15, 16, 23, 24],
    ),
    "Chinese characters that are words": (
        {"tokenizer_config.json": {"tokenize_chinese_chars": False}},
        [6, 10, 8, 1, 17, 19, 18, 13, 14, 16, 25],
    ),
    "a token of added_tokens.json": (
        {"added_tokens.json": {"[ENT]": len(PIECES)}},
        [6, 10, 8, 1, len(PIECES), 13, 14, 16, 23, 24],
    ),
    "a token of added_tokens_decoder": (
        {"tokenizer_config.json": {"added_tokens_decoder": ids(token("[ENT]", special=True))}},
        [6, 10, 8, 1, len(PIECES), 13, 14, 16, 23, 24],
    ),
    "a tokenizer.json that is taken as it is": (
        {
            "tokenizer.json": serialised(lowercase=False),
            "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"},
        },
        [7, 12, 9, 1, 17, 20, 18, 13, 15, 16, 23, 24],
    ),
}
VOCABULARY = {"vocab.txt": "\n".join(PIECES)}


@pytest.mark.parametrize("what", TAKEN)
def test_folders_that_are_taken(tmp_path: Path, what: str) -> None:
    files, expected = TAKEN[what]
    folder = written(tmp_path, VOCABULARY | files)
    [tokens] = ours(folder, None).encode([(TEXT,)])
    assert tokens.ids == [2, *expected, 3]
    assert tokens == of_transformers(folder, None)((TEXT,))


REFUSED: dict[str, tuple[Files, tuple[str, ...], str]] = {
    "a case that the configuration leaves open": (
        {"tokenizer.json": serialised(lowercase=False)},
        ("tokenizer.json", "tokenizer_config.json"),
        "its normalizer has lowercase False, not True",
    ),
    "another way to words": (
        {"tokenizer.json": serialised(pre_tokenizer={"type": "Whitespace"})},
        ("tokenizer.json", "tokenizer_config.json"),
        "its pre_tokenizer has type 'Whitespace', not 'BertPreTokenizer'",
    ),
    "a token that the configuration does not list": (
        {
            "tokenizer.json": serialised(added=(token("[ENT]"),)),
            "tokenizer_config.json": {"added_tokens_decoder": {}},
        },
        ("tokenizer.json", "tokenizer_config.json"),
        "the token '[ENT]' has the id 37, but as transformers reads",
    ),
    "an id that is not the next one": (
        {"added_tokens.json": {"[ENT]": len(PIECES) + 1}},
        ("added_tokens.json", "vocab.txt"),
        "the token '[ENT]' has the id 38, but as transformers reads",
    ),
    "a tokenizer of another kind": (
        {"tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer"}},
        ("tokenizer_config.json", "vocab.txt"),
        "tokenizer_class is 'XLMRobertaTokenizer'",
    ),
    "a class that reads another file": (
        {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}},
        ("tokenizer_config.json", "vocab.txt"),
        "tokenizer_class is 'PreTrainedTokenizerFast'",
    ),
    "more tokens than embeddings": (
        {"added_tokens.json": {f"[{i}]": len(PIECES) + i for i in range(5)}},
        ("vocab.txt",),
        f"{EMBEDDED + 1} tokens, but the weights have {EMBEDDED}",
    ),
    "another side": (
        {"tokenizer_config.json": {"truncation_side": None}},
        ("tokenizer_config.json",),
        "truncation_side is None; expected 'left' or 'right'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_folders_that_are_refused(tmp_path: Path, what: str) -> None:
    files, named_files, said = REFUSED[what]
    folder = written(tmp_path, VOCABULARY | files)
    with pytest.raises(UsageError) as error:
        ours(folder, None)
    assert said in str(error.value)
    assert all(f"{folder / name}" in str(error.value) for name in named_files)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_of_a_vocabulary_may_end_in_either_way(tmp_path: Path, end: str) -> None:
    folder = written(tmp_path, {})
    (folder / "vocab.txt").write_bytes(end.join([*PIECES, ""]).encode())
    [tokens] = ours(folder, None).encode([("the film",)])
    assert tokens.ids == [2, 6, 8, 3]
