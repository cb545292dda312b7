"""What these checks catch beside an encoder is in test_encoders; here, a tokenizer by itself."""

from typing import Any

import pytest

from mtbench.components.entries import Entry, Provider
from mtbench.protocols import Tokens
from mtbench.specs import EncoderSpec
from mtbench.testing import tokenizers
from mtbench.testing.checks import CheckFailed, Subject


class Sound:
    """One token a character, with the place of its text as its type."""

    def __init__(self, parameters: object) -> None: ...

    def one(self, texts: tuple[str, ...]) -> Tokens:
        types = [place for place, text in enumerate(texts) for _ in text]
        return Tokens([ord(character) for text in texts for character in text], types)

    def encode(self, items: Any) -> list[Tokens]:
        return [self.one(texts) for texts in items]


class FirstAlone(Sound):
    def one(self, texts: tuple[str, ...]) -> Tokens:
        return super().one(texts[:1])


class OneType(Sound):
    def one(self, texts: tuple[str, ...]) -> Tokens:
        return Tokens(super().one(texts).ids, [0])


class FromOne(Sound):
    def one(self, texts: tuple[str, ...]) -> Tokens:
        ids, types, _ = super().one(texts)
        return Tokens(ids, [1 + type_ for type_ in types])


class Padded(Sound):
    def encode(self, items: Any) -> list[Tokens]:
        longest = max((len("".join(texts)) for texts in items), default=0)
        return [
            Tokens([*ids, *[0] * (longest - len(ids))], [*types, *[0] * (longest - len(types))])
            for ids, types, _ in super().encode(items)
        ]


class Counting(Sound):
    """Its ids depend on how many texts it has seen."""

    seen = 0

    def one(self, texts: tuple[str, ...]) -> Tokens:
        self.seen += 1
        return Tokens([self.seen, *super().one(texts).ids], [0, *super().one(texts).types])


def subject(tokenizer: Any) -> Subject:
    spec = EncoderSpec(name="made", summary="s", target=object, tokenizer=tokenizer)
    return Subject.of(Entry(spec, Provider("here", "", "here")))


CASES = [
    (tokenizers.tokenizer_gives_one_sequence_an_item, OneType, "types of as many tokens; came 1"),
    (tokenizers.token_types_are_0_or_1, FromOne, "types 0 and 1; came [1, 2]"),
    (tokenizers.pairs_have_both_sentences, FirstAlone, "another second sentence; came the same"),
    (tokenizers.items_are_tokenised_alone, Padded, "or others, beside longer items"),
    (tokenizers.tokenizer_is_deterministic, Counting, "the same tokenizer; came others"),
]


@pytest.mark.parametrize(("function", "broken", "message"), CASES)
def test_a_broken_tokenizer_is_caught(function: Any, broken: Any, message: str) -> None:
    function(subject(Sound))
    with pytest.raises(CheckFailed) as failed:
        function(subject(broken))
    assert message in str(failed.value)
