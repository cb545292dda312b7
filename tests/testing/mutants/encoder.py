"""A sound encoder, ways in which it may be another and stays sound, and ways to break it."""

SOUND = """
import random

import numpy as np
import torch
from torch import nn

from mtbench.api import EncoderOutput, EncoderSpec, Tokens, hookimpl

WIDTH, VOCABULARY, LONGEST = 8, 50, 30


class Words:
    fingerprint = "words 1"

    def __init__(self, parameters):
        self.turn = 0

    def encode(self, texts):
        return [self.one(item) for item in texts]

    def one(self, item):
        ids, types, most = [1], [0], LONGEST // 2 - 1
        for place, text in enumerate(item):
            for word in text.split()[:most]:
                ids.append(3 + sum(map(ord, word)) % (VOCABULARY - 3))
                types.append(place)
        return Tokens(ids, types, cut=any(len(text.split()) > most for text in item))


class Mine(nn.Module):
    segments = True
    width = WIDTH
    pooling = "mean"

    def __init__(self, parameters):
        super().__init__()
        self.word = nn.Embedding(VOCABULARY, WIDTH)
        self.place = nn.Embedding(LONGEST, WIDTH)
        self.kind = nn.Embedding(2, WIDTH)
        self.project = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.pooler = nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(0.2)

    def forward(self, batch):
        x = self.word(batch.ids) + self.place(batch.positions) + self.kind(batch.types)
        tokens = self.norm(self.project(self.dropout(x)))
        means = torch.stack([part.mean(dim=0) for part in tokens.split(list(batch.lengths))])
        pooled = self.pooler(means).tanh()
        return EncoderOutput(tokens, pooled)


def fingerprint(parameters):
    return "weights 1"


@hookimpl
def mtbench_encoders():
    return [
        EncoderSpec(
            name="mine", summary="s", target=Mine, tokenizer=Words, fingerprint=fingerprint
        )
    ]
"""

GIVEN, CUT = "return Tokens(ids, types, cut=", "cut=any(len(text.split()) > most for text in item)"
NORMED = "tokens = self.norm(self.project(self.dropout(x)))"
POOLED, OUTPUT = "pooled = self.pooler(means).tanh()", "return EncoderOutput(tokens, pooled)"
SPEC, MADE = "fingerprint=fingerprint", "self.dropout = nn.Dropout(0.2)"
ENCODED = "return [self.one(item) for item in texts]"


def ids(line: str) -> list[tuple[str, str]]:
    """Return the change after which a sequence has other token ids or types."""
    return [(GIVEN, f"{line}\n        {GIVEN}")]


def tokens(line: str) -> list[tuple[str, str]]:
    """Return the change after which the states of tokens are others."""
    return [(NORMED, f"{NORMED}\n        {line}")]


def made(line: str) -> list[tuple[str, str]]:
    """Return the change after which an encoder is made with more."""
    return [(MADE, f"{MADE}\n        {line}")]


VARIANTS = {
    "without fingerprints, segments, and anything to train, but with caveats": [
        ('fingerprint = "words 1"', ""),
        ("segments = True", "segments = False"),
        *made("self.requires_grad_(False)"),
        (SPEC, "caveat=lambda cell: ['one', 'two']"),
    ],
}

MUTANTS = {
    "a sequence too few": (
        "tokens-are-sound",
        "expected 6 sequences of as many items; came 5",
        [(ENCODED, f"{ENCODED}[:-1]")],
    ),
    "no types": (
        "tokens-are-sound",
        "expected 4 types of as many tokens; came 0",
        ids("types = []"),
    ),
    "nothing of short texts": (
        "tokens-are-sound",
        "expected a token or more of ('dull',); came none",
        ids("ids, types = (ids, types) if len(item[0]) > 4 else ([], [])"),
    ),
    "negative ids": (
        "tokens-are-sound",
        "expected ids from 0 that fit into 32 bits; came [-1, ",
        ids("ids = [-id_ for id_ in ids]"),
    ),
    "an id too large": (
        "tokens-are-sound",
        "expected an encoder that takes the ids of its tokenizer; came IndexError: ",
        ids("ids[-1] = VOCABULARY"),
    ),
    "three types": (
        "tokens-are-sound",
        "expected types 0 and 1; came [2]",
        ids("types = [2 for _ in types]"),
    ),
    "the first sentence": (
        "pairs-have-both-sentences",
        "expected other tokens with another second sentence; came the same",
        [("for place, text in enumerate(item):", "for place, text in enumerate(item[:1]):")],
    ),
    "padding": (
        "items-are-tokenised-alone",
        "expected the 4 tokens that ('a charming film',) has alone; came 18 tokens, or others",
        [
            (
                "def encode",
                "def pad(self, ts, most):\n        return [Tokens([*t.ids, *[0] * (most "
                "- len(t.ids))], [*t.types, *[0] * (most - len(t.ids))], t.cut) for t in ts]"
                "\n\n    def encode",
            ),
            (
                ENCODED,
                "ts = [self.one(item) for item in texts]\n        "
                "return self.pad(ts, max((len(t.ids) for t in ts), default=0))",
            ),
        ],
    ),
    "other tokens the second time": (
        "items-are-tokenised-alone",
        "expected the 4 tokens that ('a charming film',) has alone; came 4 tokens, or others",
        ids("self.turn += 1; ids[0] = self.turn % 9"),
    ),
    "Python's hash": (
        "tokens-are-the-same-in-every-process",
        "expected the same tokens of ('a charming film',) in every process; came [",
        [("sum(map(ord, word))", "hash(word)")],
    ),
    "a fingerprint that is no text": (
        "tokens-are-the-same-in-every-process",
        "expected a fingerprint that is a text; came 3",
        [('fingerprint = "words 1"', "fingerprint = 3")],
    ),
    "no end": (
        "long-texts-are-cut",
        "expected an encoder that takes 3200 words; came IndexError: ",
        [("most = [1], [0], LONGEST // 2 - 1", "most = [1], [0], 10**6")],
    ),
    "a cut in silence": (
        "long-texts-are-cut",
        "expected cut=True at 3200 words; came cut=False",
        [(CUT, "cut=False")],
    ),
    "a cut of everything": (
        "long-texts-are-cut",
        "expected cut=False at a word; came cut=True",
        [(CUT, "cut=True")],
    ),
    "nothing of blanks": (
        "any-text-is-encoded",
        "expected a token or more of ('', ' '); came none",
        ids("ids, types = ids[1:], types[1:]"),
    ),
    "no other scripts": (
        "any-text-is-encoded",
        "expected no error; came UnicodeEncodeError: ",
        ids("[text.encode('ascii') for text in item]"),
    ),
    "no width": (
        "states-have-their-shapes",
        "expected a width, an int above 0; came None",
        [("width = WIDTH", "width = None")],
    ),
    "no pooling": (
        "states-have-their-shapes",
        "expected a pooling among cls, pooler, mean",
        [('pooling = "mean"', 'pooling = "max"')],
    ),
    "no pair": (
        "states-have-their-shapes",
        "expected an EncoderOutput; came Tensor",
        [(OUTPUT, "return tokens")],
    ),
    "a pooled state a token": (
        "states-have-their-shapes",
        "expected pooled of shape [6, 8]; came [58, 8]",
        [(OUTPUT, "return EncoderOutput(tokens, tokens)")],
    ),
    "float64": (
        "states-have-their-shapes",
        "expected tokens of torch.float32; came torch.float64",
        tokens("tokens = tokens.double(); self.pooler.double()"),
    ),
    "infinite in training": (
        "states-have-their-shapes",
        "expected finite states in training mode; came ",
        tokens("tokens = tokens / (0.0 if self.training else 1.0)"),
    ),
    "the longest sequence": (
        "padding-changes-nothing",
        "expected the states that sequence 0 has alone, within 1e-05; came tokens that are ",
        tokens("tokens = tokens * (1 + 0.1 * max(batch.lengths))"),
    ),
    "pooled by length": (
        "padding-changes-nothing",
        "expected the states that sequence 0 has alone, within 1e-05; came pooled that are ",
        [(OUTPUT, "return EncoderOutput(tokens, pooled[torch.tensor(batch.lengths).argsort()])")],
    ),
    "a division by zero of a single token": (
        "padding-changes-nothing",
        "came tokens that are nan apart",
        tokens(
            "tokens = tokens * (n := batch.positions[batch.starts + torch.tensor(batch.lengths)"
            " - 1].repeat_interleave(torch.tensor(batch.lengths))[:, None]) / n"
        ),
    ),
    "dropout in evaluation": (
        "evaluation-is-deterministic",
        "expected the same states twice, within 0; came tokens that are ",
        tokens("tokens = nn.functional.dropout(tokens)"),
    ),
    "drawn in vain": (
        "a-pass-changes-nothing",
        "expected the global generators as they were; came another state of torch's",
        tokens("torch.rand(1)"),
    ),
    "torch's generator seeded": (
        "a-pass-changes-nothing",
        "expected torch's generator as it was seeded; came one seeded anew with 0",
        tokens("torch.manual_seed(0)"),
    ),
    "Python's generator": (
        "a-pass-changes-nothing",
        "expected the global generators as they were; came another state of Python's",
        tokens("tokens = tokens * (random.random() if self.training else 1.0)"),
    ),
    "its batch": (
        "a-pass-changes-nothing",
        "expected a batch as it was; came other types",
        [("x = self.word", "batch.types.zero_()\n        x = self.word")],
    ),
    "running averages": (
        "a-pass-changes-nothing",
        "expected the states of before a pass, within 0; came tokens that are ",
        made("self.average = nn.BatchNorm1d(WIDTH)") + tokens("tokens = self.average(tokens)"),
    ),
    "a count of passes": (
        "a-pass-changes-nothing",
        "expected weights as they were before a pass; came others in passes",
        made("self.register_buffer('passes', torch.zeros(()))") + tokens("self.passes += 1"),
    ),
    "float32 alone": (
        "works-in-bfloat16",
        "expected no error; came RuntimeError: ",
        tokens(
            "tokens = torch.zeros(x.shape); tokens[batch.starts] = self.project(x[batch.starts])"
        ),
    ),
    "an idle layer": (
        "gradient-reaches-every-parameter",
        "expected a gradient at every trained parameter; came none at pooler.weight, pooler.bias",
        [(POOLED, "pooled = means")],
    ),
    "a root of zero": (
        "gradient-reaches-every-parameter",
        "expected finite gradients; came others at word.weight",
        [
            (
                POOLED,
                f"{POOLED}\n        pooled = pooled + (pooled * 0).square().sqrt()",
            )
        ],
    ),
    "a parameter of its own": (
        "segments-equal-tasks-in-turn",
        "expected segments that hold what they promise; came ",
        made("self.scale = nn.Parameter(torch.ones(WIDTH))")
        + tokens("tokens = tokens * self.scale"),
    ),
    "tokens in another order": (
        "segments-equal-tasks-in-turn",
        "expected the gradient of sst alone at ",
        tokens("tokens = tokens + self.project(x.flip(0)).flip(0)"),
    ),
    "weights from numpy": (
        "same-seed-same-weights",
        "expected the global generators as they were; came another state of numpy's",
        made("np.random.rand()"),
    ),
    "torch's generator seeded as it is made": (
        "same-seed-same-weights",
        "expected torch's generator as it was seeded; came one seeded anew with 0",
        made("torch.manual_seed(0)"),
    ),
    "weights from the system": (
        "same-seed-same-weights",
        "expected the same weights from the same seed; came others in norm.weight",
        made("nn.init.constant_(self.norm.weight, random.SystemRandom().random())"),
    ),
    "a tensor that is not saved": (
        "weights-survive-a-round-trip",
        "expected the states of the weights saved, within 0; came tokens that are ",
        made("self.shift = torch.rand(WIDTH)") + tokens("tokens = tokens + self.shift"),
    ),
    "a fingerprint of numbers": (
        "fingerprint-needs-no-torch",
        "expected a fingerprint that is a text; came 1",
        [('return "weights 1"', "return 1")],
    ),
    "no words": (
        "rejects-with-a-reason",
        "expected rejects to give a reason in one line, or None; came True",
        [(SPEC, f"{SPEC}, rejects=lambda cell: len(cell.tasks) == 3")],
    ),
    "several lines": (
        "rejects-with-a-reason",
        "expected caveat to give a reason in one line, or None; came 'two\\nlines'",
        [(SPEC, f"{SPEC}, caveat=lambda cell: ['one', 'two\\nlines']")],
    ),
}
