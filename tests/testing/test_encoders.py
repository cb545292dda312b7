"""Every check of an encoder catches one that is broken in just that way."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtbench.api import EncoderOutput, EncoderSpec, RaggedBatch, Tokens
from mtbench.components.entries import Entry, Provider
from mtbench.components.registry import Registry
from mtbench.testing.checks import Check, CheckFailed, Subject
from mtbench.testing.encoders import check as checks

WIDTH = 8
VOCABULARY = 50
LONGEST = 30


# --- tokenizers ---------------------------------------------------------------------------------


class Words:
    """A word is its letters' sum; the wrong tokenizers differ in one way."""

    def __init__(self, parameters: object) -> None: ...

    def encode(self, texts: Sequence[tuple[str, ...]]) -> Any:
        return [self.one(item) for item in texts]

    def one(self, item: tuple[str, ...]) -> Any:
        ids, types, most = [1], [0], LONGEST // 2 - 1
        for place, text in enumerate(item):
            for word in text.split()[:most]:
                ids.append(3 + sum(map(ord, word)) % (VOCABULARY - 3))
                types.append(place)
        return Tokens(ids, types, cut=any(len(text.split()) > most for text in item))


class LosesOne(Words):
    def encode(self, texts: Any) -> Any:
        return super().encode(texts)[:-1]


class LosesTypes(Words):
    def one(self, item: Any) -> Any:
        return Tokens(super().one(item).ids, [])


class NothingOfShortTexts(Words):
    def one(self, item: Any) -> Any:
        return super().one(item) if len(item[0]) > 4 else Tokens([], [])


class NotUpToNoItems(Words):
    def encode(self, texts: Any) -> Any:
        return super().encode(texts) or [Tokens([1], [0])]


class Negative(Words):
    def one(self, item: Any) -> Any:
        ids, types, _ = super().one(item)
        return Tokens([-id_ for id_ in ids], types)


class OutOfVocabulary(Words):
    def one(self, item: Any) -> Any:
        ids, types, _ = super().one(item)
        return Tokens([*ids[:-1], VOCABULARY], types)


class ThreeTypes(Words):
    def one(self, item: Any) -> Any:
        ids, types, _ = super().one(item)
        return Tokens(ids, [type_ + 1 for type_ in types])


class FirstOnly(Words):
    def one(self, item: Any) -> Any:
        return super().one(item[:1])


class LastOnly(Words):
    def one(self, item: Any) -> Any:
        return super().one(item[-1:])


class Tired(Words):
    """Other tokens the second time."""

    turn = 0

    def one(self, item: Any) -> Any:
        return super().one(item)

    def encode(self, texts: Any) -> Any:
        self.turn += 1
        return super().encode([(f"{self.turn}", *texts[0]), *texts[1:]])


class Shared(Words):
    """Other tokens of every instance."""

    made = 0

    def __init__(self, parameters: object) -> None:
        Shared.made += 1
        self.number = Shared.made

    def one(self, item: Any) -> Any:
        return super().one((f"{self.number} {item[0]}", *item[1:]))


class Padding(Words):
    def encode(self, texts: Any) -> Any:
        encoded = super().encode(texts)
        longest = max((len(tokens.ids) for tokens in encoded), default=0)
        return [
            Tokens(
                [*t.ids, *[0] * (longest - len(t.ids))], [*t.types, *[0] * (longest - len(t.ids))]
            )
            for t in encoded
        ]


class Uncut(Words):
    def one(self, item: Any) -> Any:
        ids = [1, *(3 for text in item for _ in text.split())]
        return Tokens(ids, [0] * len(ids))


class CutsInSilence(Words):
    def one(self, item: Any) -> Any:
        return super().one(item)._replace(cut=False)


class CutsByItsWord(Words):
    def one(self, item: Any) -> Any:
        return super().one(item)._replace(cut=True)


class NothingOfBlanks(Words):
    def one(self, item: Any) -> Any:
        ids, types, _ = super().one(item)
        return Tokens(ids[1:], types[1:])


class AsciiOnly(Words):
    def one(self, item: Any) -> Any:
        for text in item:
            text.encode("ascii")
        return super().one(item)


class Fingerprinted(Words):
    fingerprint: Any = 3


# --- encoders -----------------------------------------------------------------------------------


class Sound(nn.Module):
    """Words, places and types, then the mean of a sequence's; the wrong ones differ in one way."""

    segments = True
    width: Any = WIDTH
    pooling: Any = "mean"

    def __init__(self, parameters: object) -> None:
        super().__init__()
        self.word = nn.Embedding(VOCABULARY, WIDTH)
        self.place = nn.Embedding(LONGEST, WIDTH)
        self.kind = nn.Embedding(2, WIDTH)
        self.project = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.pooler = nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(0.2)

    def tokens(self, batch: RaggedBatch) -> Tensor:
        x = self.word(batch.ids) + self.place(batch.positions) + self.kind(batch.types)
        tokens: Tensor = self.norm(self.project(self.dropout(x)))
        return tokens

    def pool(self, tokens: Tensor, batch: RaggedBatch) -> Tensor:
        means = [part.mean(dim=0) for part in tokens.split(list(batch.lengths))]
        pooled: Tensor = self.pooler(torch.stack(means)).tanh()
        return pooled

    def forward(self, batch: RaggedBatch) -> Any:
        tokens = self.tokens(batch)
        return EncoderOutput(tokens, self.pool(tokens, batch))


class WithoutWidth(Sound):
    width = None


class WithoutPooling(Sound):
    pooling = "max"


class NoTuple(Sound):
    def forward(self, batch: RaggedBatch) -> Any:
        return self.tokens(batch)


class PoolsTokens(Sound):
    def pool(self, tokens: Tensor, batch: RaggedBatch) -> Tensor:
        return tokens


class Double(Sound):
    def forward(self, batch: RaggedBatch) -> Any:
        return EncoderOutput(*(tensor.double() for tensor in super().forward(batch)))


class DividesByZero(Sound):
    """By the spread of a sequence's places, which a single token has not."""

    def tokens(self, batch: RaggedBatch) -> Tensor:
        spread = [float(n - 1) for n in batch.lengths for _ in range(n)]
        return (
            super().tokens(batch) * torch.tensor(spread)[:, None] / torch.tensor(spread)[:, None]
        )


class InfiniteInTraining(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) / (0.0 if self.training else 1.0)


class SeesTheLongest(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) * (1 + 0.1 * max(batch.lengths))


class SeesTheFirst(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) * (1 + 0.1 * batch.lengths[0])


class SeesTheParts(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) * len(batch.parts)


class WritesInItsBatch(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        batch.types.zero_()
        return super().tokens(batch)


class AlwaysDrops(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        return nn.functional.dropout(super().tokens(batch), 0.5, training=True)


class DrawsInVain(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        torch.rand(1)
        return super().tokens(batch)


class DrawsFromPython(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) * (random.random() if self.training else 1.0)


class DrawsFromNumpy(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) * (float(np.random.rand()) if self.training else 1.0)


class Averages(Sound):
    def __init__(self, parameters: object) -> None:
        super().__init__(parameters)
        self.average = nn.BatchNorm1d(WIDTH)

    def tokens(self, batch: RaggedBatch) -> Tensor:
        tokens: Tensor = self.average(super().tokens(batch))
        return tokens


class Float32Only(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        tokens = torch.zeros(len(batch.ids), WIDTH)
        tokens[batch.starts] = self.project(self.word(batch.ids[batch.starts]))
        return tokens


class WithoutPooler(Sound):
    def pool(self, tokens: Tensor, batch: RaggedBatch) -> Tensor:
        return tokens[batch.starts]


class SteepRoot(Sound):
    """The root of a number that is 0 has no finite gradient."""

    def pool(self, tokens: Tensor, batch: RaggedBatch) -> Tensor:
        pooled = super().pool(tokens, batch)
        return pooled + (pooled * 0).square().sqrt()


class CutsGradients(Sound):
    """Of all sequences but the first."""

    def pool(self, tokens: Tensor, batch: RaggedBatch) -> Tensor:
        pooled = super().pool(tokens, batch)
        return torch.cat([pooled[:1], pooled[1:].detach()])


class Thaws(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        self.project.weight.requires_grad_(True)
        return super().tokens(batch)


class OwnScale(Sound):
    def __init__(self, parameters: object) -> None:
        super().__init__(parameters)
        self.scale = nn.Parameter(torch.ones(WIDTH))

    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) * self.scale


class Backwards(Sound):
    """A layer meets the tokens in another order than the batch's."""

    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) + self.project(self.word(batch.ids).flip(0)).flip(0)


class NumpyWeights(Sound):
    def __init__(self, parameters: object) -> None:
        super().__init__(parameters)
        with torch.no_grad():
            self.norm.weight.copy_(torch.from_numpy(np.random.rand(WIDTH)))


class Unregistered(Sound):
    def __init__(self, parameters: object) -> None:
        super().__init__(parameters)
        self.hidden = [torch.rand(WIDTH)]

    def tokens(self, batch: RaggedBatch) -> Tensor:
        return super().tokens(batch) * self.hidden[0]


class TrainsItself(Sound):
    def tokens(self, batch: RaggedBatch) -> Tensor:
        tokens = super().tokens(batch)
        with torch.no_grad():
            self.word.weight[batch.ids] *= 0.99
        return tokens


def subject(target: Any = Sound, tokenizer: Any = Words, **spec: Any) -> Subject:
    made = EncoderSpec(name="broken", summary="s", target=target, tokenizer=tokenizer, **spec)
    return Subject.of(Entry(made, Provider("here", "", "here")))


def named(name: str) -> Check:
    (check,) = [check for check in checks.all if check.name == name]
    return check


def failure(name: str, of: Subject) -> str:
    check = named(name)
    assert check.inapplicable(of) is None
    with pytest.raises(CheckFailed) as failed:
        check.function(of)
    return str(failed.value)


TOKENIZERS = [
    ("tokenizer-gives-one-sequence-an-item", LosesOne, "6 sequences of as many items; came 5"),
    ("tokenizer-gives-one-sequence-an-item", LosesTypes, "4 types of as many tokens; came 0"),
    (
        "tokenizer-gives-one-sequence-an-item",
        NothingOfShortTexts,
        "a token or more of ('dull',); came none",
    ),
    (
        "tokenizer-gives-one-sequence-an-item",
        NotUpToNoItems,
        "no sequences of no items; came some",
    ),
    ("token-ids-are-known", Negative, "ids from 0 that fit into 32 bits; came [-1, "),
    (
        "token-ids-are-known",
        OutOfVocabulary,
        "an encoder that takes the ids of its tokenizer; came IndexError: ",
    ),
    ("token-types-are-0-or-1", ThreeTypes, "types 0 and 1; came [1, 2]"),
    (
        "pairs-have-both-sentences",
        FirstOnly,
        "other tokens with another second sentence; came the same",
    ),
    (
        "pairs-have-both-sentences",
        LastOnly,
        "other tokens with another first sentence; came the same",
    ),
    ("tokenizer-is-deterministic", Tired, "the same tokens of the same tokenizer; came others"),
    ("tokenizer-is-deterministic", Shared, "the same tokens of another tokenizer; came others"),
    (
        "items-are-tokenised-alone",
        Padding,
        "the 4 tokens that ('a charming film',) has alone; came 18 tokens, or others, beside",
    ),
    ("long-texts-are-cut", Uncut, "an encoder that takes 3200 words; came IndexError: "),
    ("a-cut-sequence-says-so", CutsInSilence, "cut=True at 3200 words; came cut=False"),
    ("a-cut-sequence-says-so", CutsByItsWord, "cut=False at a word; came cut=True"),
    ("empty-texts-are-encoded", NothingOfBlanks, "a token or more of ('', ' '); came none"),
    ("tokenizer-fingerprint-is-stable", Fingerprinted, "a fingerprint that is a text; came 3"),
]


@pytest.mark.parametrize(("name", "tokenizer", "message"), TOKENIZERS)
def test_a_broken_tokenizer_is_caught(name: str, tokenizer: Any, message: str) -> None:
    assert failure(name, subject(tokenizer=tokenizer)).startswith(f"expected {message}")


def test_a_tokenizer_that_falls() -> None:
    with pytest.raises(UnicodeEncodeError):
        named("any-script-is-encoded").function(subject(tokenizer=AsciiOnly))


ENCODERS = [
    ("declares-width-and-pooling", WithoutWidth, "a width, an int above 0; came None"),
    (
        "declares-width-and-pooling",
        WithoutPooling,
        "a pooling among cls, pooler, mean",
    ),
    ("states-have-their-shapes", NoTuple, "an EncoderOutput; came Tensor"),
    ("states-have-their-shapes", PoolsTokens, "pooled of shape [6, 8]; came [58, 8]"),
    ("states-are-float32", Double, "tokens of torch.float32; came torch.float64"),
    ("states-are-finite", InfiniteInTraining, "finite states in training mode; came "),
    (
        "padding-changes-nothing",
        SeesTheLongest,
        "the states that sequence 0 has alone, within 1e-05; came tokens that are ",
    ),
    (
        "order-changes-nothing",
        SeesTheFirst,
        "the states of sequence 3 in another order, within 1e-05; came tokens that are ",
    ),
    (
        "parts-change-nothing",
        SeesTheParts,
        "the states of one task's batch in one of three tasks, within 1e-05; came tokens",
    ),
    (
        "single-tokens-are-encoded",
        DividesByZero,
        "finite states of sequences of one token; came 16 in tokens that are not",
    ),
    ("leaves-the-batch-alone", WritesInItsBatch, "a batch as it was; came other types"),
    (
        "evaluation-is-deterministic",
        AlwaysDrops,
        "the same states twice, within 0; came tokens that are ",
    ),
    (
        "evaluation-draws-nothing",
        DrawsInVain,
        "the global generators as they were; came another state of torch's",
    ),
    *(
        (
            "training-draws-from-torch",
            target,
            "the same states from the same seed of torch, within 0; came tokens that are ",
        )
        for target in (DrawsFromPython, DrawsFromNumpy)
    ),
    (
        "training-leaves-no-trace",
        Averages,
        "the states of before a pass in training mode, within 0; came tokens that are ",
    ),
    (
        "gradient-reaches-every-parameter",
        WithoutPooler,
        "a gradient at every trained parameter; came none at pooler.weight, pooler.bias",
    ),
    ("gradients-are-finite", SteepRoot, "finite gradients; came others at word.weight, "),
    (
        "gradients-add-up",
        CutsGradients,
        "the sum of the sequences' own gradients at word.weight, of up to ",
    ),
    (
        "respects-frozen-parameters",
        Thaws,
        "states without a gradient where all is frozen; came others",
    ),
    (
        "segments-equal-tasks-in-turn",
        OwnScale,
        "segments that hold what they promise; came the encoder declares segments, and uses scale",
    ),
    (
        "segments-equal-tasks-in-turn",
        Backwards,
        "the gradient of sst alone at project.weight, of up to ",
    ),
    (
        "same-seed-same-weights",
        NumpyWeights,
        "the global generators as they were; came another state of numpy's",
    ),
    (
        "weights-survive-a-round-trip",
        Unregistered,
        "the states of the weights saved, within 0; came tokens that are ",
    ),
    (
        "a-pass-changes-no-weight",
        TrainsItself,
        "weights as they were before a pass; came others in word.weight",
    ),
]


@pytest.mark.parametrize(("name", "target", "message"), ENCODERS)
def test_a_broken_encoder_is_caught(name: str, target: Any, message: str) -> None:
    assert failure(name, subject(target)).startswith(f"expected {message}")


def test_the_pooling_is_said() -> None:
    message = failure("declares-width-and-pooling", subject(WithoutPooling))
    assert message.endswith("; came 'max'")


def test_an_encoder_that_falls_in_bfloat16() -> None:
    with pytest.raises(RuntimeError, match="dtype"):
        named("works-in-bfloat16").function(subject(Float32Only))


def test_what_is_no_module() -> None:
    assert failure("states-are-finite", subject(lambda parameters: print)) == (
        "expected an nn.Module; came builtin_function_or_method"
    )


def test_what_says_nothing() -> None:
    class Plain(Sound):
        segments = False

    reasons = {check.name: check.inapplicable(subject(Plain)) for check in checks.all}
    reasons.pop("moves-to-a-gpu")
    assert {name: reason for name, reason in reasons.items() if reason} == {
        "tokenizer-fingerprint-is-stable": "its tokenizer has no fingerprint",
        "segments-equal-tasks-in-turn": "it declares no segments",
        "fingerprint-is-stable": "its weights have no fingerprint",
        "fingerprint-needs-no-torch": "its weights have no fingerprint",
        "rejects-with-a-reason": "it rejects no cell, and has no caveat",
    }


def test_a_fingerprint_is_a_text() -> None:
    here = named("fingerprint-needs-no-torch").inapplicable(subject(fingerprint=str))
    assert here is None
    beside = named("fingerprint-needs-no-torch").inapplicable(subject(fingerprint=Sound))
    assert beside == "it lies in the encoder's module, which needs torch"
    assert failure("fingerprint-is-stable", subject(fingerprint=lambda parameters: b"1")) == (
        "expected a fingerprint that is a text; came b'1'"
    )


@pytest.mark.parametrize("which", ["rejects", "caveat"])
def test_a_reason_is_a_line(which: str) -> None:
    assert failure("rejects-with-a-reason", subject(**{which: lambda cell: 7})) == (
        f"expected {which} to give a reason in one line, or None; came 7"
    )


def test_a_caveat_may_be_several_lines() -> None:
    check = named("rejects-with-a-reason").function
    check(subject(caveat=lambda cell: ["one", "two"]))
    assert failure("rejects-with-a-reason", subject(caveat=lambda cell: ["one\ntwo"])) == (
        "expected caveat to give a reason in one line, or None; came 'one\\ntwo'"
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_encoder_that_stays_on_the_cpu() -> None:
    class Stays(Sound):
        def tokens(self, batch: RaggedBatch) -> Tensor:
            return super().tokens(batch) * torch.ones(WIDTH)

    with pytest.raises(RuntimeError, match="device"):
        named("moves-to-a-gpu").function(subject(Stays))


# --- in a process of its own --------------------------------------------------------------------

SOURCE = """
from mtbench.api import EncoderSpec, Tokens, hookimpl

class Words:
    fingerprint = {fingerprint}

    def __init__(self, parameters):
        pass

    def encode(self, texts):
        {first}
        return [Tokens(ids, [0] * len(ids)) for ids in map(self.ids, texts)]

    def ids(self, item):
        return [1, *({word} % 47 + 3 for text in item for word in text.split())][:30]

def fingerprint(parameters):
    {first}
    return {fingerprint}

@hookimpl
def mtbench_encoders():
    return [
        EncoderSpec(
            name="mine",
            summary="s",
            target="no_such:Encoder",
            tokenizer="mine_encoder:Words",
            fingerprint="mine_encoder:fingerprint",
        )
    ]
"""


def mine(
    folder: Path, first: str = "", word: str = "len(word)", fingerprint: str = "'1'"
) -> Subject:
    """Return an encoder whose tokenizer is written to a file."""
    file = folder / "mine_encoder.py"
    source = SOURCE.format(first=first, word=word, fingerprint=fingerprint)
    file.write_text(source)
    return Subject.of(Registry.load([file]).find("encoder", "mine"))


IN_A_PROCESS = [
    (
        "tokens-are-the-same-in-every-process",
        {"word": "hash(word)"},
        "the same tokens of ('a charming film',) in every process; came [1, ",
    ),
    (
        "fingerprint-needs-no-torch",
        {"first": "import torch"},
        "no import of torch; came one, for the fingerprint",
    ),
    (
        "tokenizer-fingerprint-is-stable",
        {"fingerprint": "str(hash('vocabulary'))"},
        "the fingerprint ",
    ),
    (
        "fingerprint-is-stable",
        {"fingerprint": "str(hash('vocabulary'))"},
        "the fingerprint ",
    ),
]


@pytest.mark.parametrize(("name", "source", "message"), IN_A_PROCESS)
def test_what_is_broken_elsewhere_is_caught(
    tmp_path: Path, new_modules: None, name: str, source: Any, message: str
) -> None:
    of = mine(tmp_path, **source)
    assert failure(name, of).startswith(f"expected {message}")
    named(name).function(mine(tmp_path))


def test_what_is_sound_passes() -> None:
    # Those that ask in a process of its own would import this file, and torch, many times.
    alone = {name for name, _source, _message in IN_A_PROCESS}
    for check in checks.all:
        if check.name not in alone and check.inapplicable(subject()) is None:
            check.function(subject())


def test_every_check_is_tried() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [check.name for check in checks.all if f'"{check.name}"' not in source] == []
    assert len(checks.all) == len({check.name for check in checks.all})
