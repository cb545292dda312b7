"""What the conformance kit asks of an encoder's tokenizer."""

from __future__ import annotations

from typing import Any

from mtbench.testing.checks import Checks, Subject, require
from mtbench.testing.encoder_trials import TEXTS, require_encodable, sequences, tokenizer
from mtbench.testing.processes import ask

check = Checks("encoder")

MOST_IDS = 1 << 31
"""Token ids are kept in 32 bits."""

LONG = "the film was long and longer still . " * 400

ODD = (
    ("", " "),
    ("",),
    (".",),
    ("a", ""),
    ("naïve café ﬀ e\u0301",),
    ("日本語 한국어", "עברית العربية"),
    ("\U0001f469\u200d\U0001f467 \U0001f600",),
    ("\u202eabc\u00a0def\u2028ghi",),
    ("\U00010330\U00010331", "\ufeff\u0000x"),
)
"""No words, accents, scripts without blanks, emoji, marks not seen, characters few have."""

HASH_SEED = 1
"""Of another process: Python draws one of its own where none is set."""


@check(
    "the tokenizer gives a sequence an item: ids the encoder knows, a type, 0 or 1, each",
    basic=True,
)
def tokens_are_sound(subject: Subject) -> None:
    encoded = sequences(subject)
    require(len(encoded) == len(TEXTS), f"{len(TEXTS)} sequences of as many items", len(encoded))
    for texts, tokens in zip(TEXTS, encoded, strict=True):
        ids, types = tokens.ids, tokens.types
        require(len(ids), f"a token or more of {texts}", "none")
        require(len(ids) == len(types), f"{len(ids)} types of as many tokens", len(types))
        strange = [id_ for id_ in ids if id_ != int(id_) or not 0 <= id_ < MOST_IDS]
        require(not strange, "ids from 0 that fit into 32 bits", strange[:3])
        came = sorted(set(map(int, types)))
        require({*came} <= {0, 1}, "types 0 and 1", came)
    require_encodable(subject, encoded, "the ids of its tokenizer")


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


@check("an item has the same tokens alone and beside longer ones, without padding, each time")
def items_are_tokenised_alone(subject: Subject) -> None:
    one = tokenizer(subject)
    for texts, tokens in zip(TEXTS, one.encode(list(TEXTS)), strict=True):
        for again in (one, tokenizer(subject)):
            [alone] = again.encode([texts])
            require(
                _numbers(alone) == _numbers(tokens),
                f"the {len(alone.ids)} tokens that {texts} has alone",
                f"{len(tokens.ids)} tokens, or others, beside longer items",
            )
    require(list(one.encode([])) == [], "no sequences of no items", "some")


@check("another process gives the same token ids and fingerprint, however Python hashes there")
def tokens_are_the_same_in_every_process(subject: Subject) -> None:
    made = tokenizer(subject)
    fingerprint = getattr(made, "fingerprint", None)
    sound = fingerprint is None or (isinstance(fingerprint, str) and fingerprint)
    require(sound, "a fingerprint that is a text", repr(fingerprint))
    came = ask(
        subject,
        "[[int(i) for i in t.ids] for t in made.encode(texts)], said",
        setup=f"texts = {list(TEXTS)!r}; said = getattr(made, 'fingerprint', None)",
        target=subject.spec.tokenizer,
        hash_seed=HASH_SEED,
    )
    for texts, tokens, there in zip(TEXTS, made.encode(list(TEXTS)), came.value[0], strict=True):
        here = _numbers(tokens)[0]
        expected = f"the same tokens of {texts} in every process"
        require(there == here, expected, f"{there}, not {here}")
    require(
        came.value[1] == fingerprint,
        f"the fingerprint {fingerprint} in every process",
        came.value[1],
    )


@check("texts of thousands of words are cut to what the encoder takes, and say so, no others")
def long_texts_are_cut(subject: Subject) -> None:
    made = tokenizer(subject)
    items = [(LONG,), (LONG, LONG), ("short", LONG), (LONG, "short")]
    encoded = made.encode(items)
    require_encodable(subject, encoded, f"{len(LONG.split())} words")
    for texts, tokens in zip(items, encoded, strict=True):
        [longer] = made.encode([tuple(text.replace(LONG, LONG + LONG) for text in texts)])
        cut = _numbers(longer) == _numbers(tokens)
        words = " and ".join(f"{len(text.split())} words" for text in texts)
        require(tokens.cut == cut, f"cut={cut} at {words}", f"cut={tokens.cut}")
    [word] = made.encode([("dull",)])
    require(not word.cut, "cut=False at a word", "cut=True")


@check("texts without words, and in any script, have a token or more, and are encoded")
def any_text_is_encoded(subject: Subject) -> None:
    encoded = tokenizer(subject).encode(list(ODD))
    for texts, tokens in zip(ODD, encoded, strict=True):
        require(len(tokens.ids), f"a token or more of {texts!a}", "none")
    require_encodable(subject, encoded, "texts without words, and in any script")


def _numbers(tokens: Any) -> tuple[list[int], list[int]]:
    return [int(id_) for id_ in tokens.ids], [int(type_) for type_ in tokens.types]
