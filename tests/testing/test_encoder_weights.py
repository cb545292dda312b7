"""More of what these checks catch is in test_encoders; here, of a real encoder made wrong."""

import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from mtbench.api import EncoderOutput, RaggedBatch
from mtbench.components.registry import Registry
from mtbench.testing import encoder_weights
from mtbench.testing.checks import Check, CheckFailed, Subject
from mtbench_builtins.encoders.minbert import MinBert


class DrawsElsewhere(MinBert):
    """Draws a first weight without torch's generator."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        with torch.no_grad():
            next(self.parameters()).view(-1)[0] = random.SystemRandom().random()


class Creeping(MinBert):
    """Changes a weight whenever it is asked."""

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        with torch.no_grad():
            next(self.parameters()).view(-1)[0] += 1
        return super().forward(batch)


def subject(target: type[MinBert]) -> Subject:
    entry = Registry.load().find("encoder", "minbert")
    return Subject.of(replace(entry, spec=replace(entry.spec, target=target)))


def named(name: str) -> Check:
    return next(check for check in encoder_weights.check.all if check.name == name)


@pytest.mark.parametrize(
    ("target", "name"),
    [(DrawsElsewhere, "same-seed-same-weights"), (Creeping, "a-pass-changes-no-weight")],
)
def test_a_real_encoder_made_wrong_is_caught(target: type[MinBert], name: str) -> None:
    named(name).function(subject(MinBert))
    with pytest.raises(CheckFailed, match=r"^expected "):
        named(name).function(subject(target))
