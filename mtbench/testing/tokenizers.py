"""What the conformance kit asks of an encoder's tokenizer."""

from __future__ import annotations

from typing import Any

from mtbench.testing.checks import ANYTHING, Checks, Subject, require
from mtbench.testing.encoder_trials import TEXTS, require_encodable, sequences, tokenizer
from mtbench.testing.processes import ask

check = Checks("encoder")

MOST_IDS = 1 << 31
"""Token ids are kept in 32 bits."""

LONG = "the film was long and longer still . " * 400

EMPTY = (("", " "), ("",), (" ",), (".",), ("a", ""))

UNICODE = (
    ("naïve café ﬀ e\u0301",),
    ("日本語 한국어", "עברית العربية"),
    ("\U0001f469\u200d\U0001f467 \U0001f600",),
    ("\u202eabc\u00a0def\u2028ghi",),
    ("\U00010330\U00010331", "\ufeff\u0000x"),
)
"""Accents, scripts without blanks, emoji, marks that are not seen, characters few have."""

HASH_SEED = 1
"""Of another process: Python draws one of its own where none is set."""


@check("the tokenizer gives one sequence an item, with one type a token")
def tokenizer_gives_one_sequence_an_item(subject: Subject) -> None:
    encoded = sequences(subject)
    require(len(encoded) == len(TEXTS), f"{len(TEXTS)} sequences of as many items", len(encoded))
    for texts, tokens in zip(TEXTS, encoded, strict=True):
        ids, types = tokens.ids, tokens.types
        require(len(ids) > 0, f"a token or more of {texts}", "none")
        require(len(ids) == len(types), f"{len(ids)} types of as many tokens", len(types))
    require(list(tokenizer(subject).encode([])) == [], "no sequences of no items", "some")


@check("token ids are whole numbers that the encoder has an embedding for")
def token_ids_are_known(subject: Subject) -> None:
    encoded = sequences(subject)
    strange = [
        int_
        for tokens in encoded
        for int_ in tokens.ids
        if int_ != int(int_) or not 0 <= int_ < MOST_IDS
    ]
    require(not strange, "ids from 0 that fit into 32 bits", strange[:3])
    require_encodable(subject, encoded, "the ids of its tokenizer")


@check("token types are 0 or 1")
def token_types_are_0_or_1(subject: Subject) -> None:
    types = {int(type_) for tokens in sequences(subject) for type_ in tokens.types}
    require(types <= {0, 1}, "types 0 and 1", sorted(types))


@check("both sentences of a pair are in its sequence")
def pairs_have_both_sentences(subject: Subject) -> None:
    pairs = [
        ("a dog runs", "a cat sleeps"),
        ("a dog runs", "it rains"),
        ("it rains", "a cat sleeps"),
    ]
    first, *others = (_numbers(tokens) for tokens in tokenizer(subject).encode(pairs))
    for which, other in zip(("second", "first"), others, strict=True):
        require(first != other, f"other tokens with another {which} sentence", "the same")


@check("a tokenizer gives the same twice, and so does another with its parameters")
def tokenizer_is_deterministic(subject: Subject) -> None:
    one = tokenizer(subject)
    first = [_numbers(tokens) for tokens in one.encode(list(TEXTS))]
    for again, whose in ((one, "the same"), (tokenizer(subject), "another")):
        came = [_numbers(tokens) for tokens in again.encode(list(TEXTS))]
        require(came == first, f"the same tokens of {whose} tokenizer", "others")


@check("another process gives the same token ids, however Python hashes texts there")
def tokens_are_the_same_in_every_process(subject: Subject) -> None:
    there = ask(
        subject,
        "[[[int(i) for i in numbers] for numbers in tokens[:2]] for tokens in made.encode(texts)]",
        setup=f"texts = {list(TEXTS)!r}",
        target=subject.spec.tokenizer,
        hash_seed=HASH_SEED,
    )
    for texts, tokens, came in zip(TEXTS, sequences(subject), there.value, strict=True):
        here = list(_numbers(tokens))
        require(
            came == here,
            f"the same tokens of {texts} in every process",
            f"{came[0]}, not {here[0]}",
        )


@check("an item has the same tokens alone and beside longer ones, without padding")
def items_are_tokenised_alone(subject: Subject) -> None:
    one = tokenizer(subject)
    for texts, tokens in zip(TEXTS, one.encode(list(TEXTS)), strict=True):
        (alone,) = one.encode([texts])
        require(
            _numbers(alone) == _numbers(tokens),
            f"the {len(alone.ids)} tokens that {texts} has alone",
            f"{len(tokens.ids)} tokens, or others, beside longer items",
        )


@check("texts of thousands of words are cut to what the encoder takes")
def long_texts_are_cut(subject: Subject) -> None:
    items = [(LONG,), (LONG, LONG), ("short", LONG), (LONG, "short")]
    require_encodable(subject, tokenizer(subject).encode(items), f"{len(LONG.split())} words")


@check("a sequence says that it was cut where it was, and only there")
def a_cut_sequence_says_so(subject: Subject) -> None:
    made = tokenizer(subject)
    items = [(LONG,), (LONG, LONG), ("short", LONG), (LONG, "short")]
    for texts, tokens in zip(items, made.encode(items), strict=True):
        [longer] = made.encode([tuple(text.replace(LONG, LONG + LONG) for text in texts)])
        cut = _numbers(longer) == _numbers(tokens)
        require(tokens.cut == cut, f"cut={cut} at {_words(texts)}", f"cut={tokens.cut}")
    [word] = made.encode([("dull",)])
    require(not word.cut, "cut=False at a word", "cut=True")


@check("texts without words have a token or more, and are encoded")
def empty_texts_are_encoded(subject: Subject) -> None:
    encoded = tokenizer(subject).encode(list(EMPTY))
    for texts, tokens in zip(EMPTY, encoded, strict=True):
        require(len(tokens.ids) > 0, f"a token or more of {texts}", "none")
    require_encodable(subject, encoded, "texts without words")


@check("texts in any script are tokenised and encoded")
def any_script_is_encoded(subject: Subject) -> None:
    encoded = tokenizer(subject).encode(list(UNICODE))
    for texts, tokens in zip(UNICODE, encoded, strict=True):
        require(len(tokens.ids) > 0, f"a token or more of {texts!a}", "none")
    require_encodable(subject, encoded, "texts in any script")


def _says_nothing_of_its_ids(subject: Subject) -> str | None:
    try:
        fingerprint = getattr(tokenizer(subject), "fingerprint", None)
    except ANYTHING:
        return None  # the check itself meets the error
    return None if fingerprint is not None else "its tokenizer has no fingerprint"


@check(
    "the tokenizer's fingerprint is a text, and the same in every process",
    inapplicable=_says_nothing_of_its_ids,
)
def tokenizer_fingerprint_is_stable(subject: Subject) -> None:
    here: Any = tokenizer(subject).fingerprint
    require(isinstance(here, str) and here, "a fingerprint that is a text", repr(here))
    target = subject.spec.tokenizer
    there = ask(subject, "made.fingerprint", target=target, hash_seed=HASH_SEED).value
    require(there == here, f"the fingerprint {here} in every process", there)


def _words(texts: tuple[str, ...]) -> str:
    return " and ".join(f"{len(text.split())} words" for text in texts)


def _numbers(tokens: Any) -> tuple[list[int], list[int]]:
    return [int(id_) for id_ in tokens.ids], [int(type_) for type_ in tokens.types]
