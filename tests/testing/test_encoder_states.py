"""More of what these checks catch is in test_encoders; here, of a real encoder made wrong."""

from dataclasses import replace

import pytest

from mtbench.api import EncoderOutput, RaggedBatch
from mtbench.components.registry import Registry
from mtbench.testing import encoder_states
from mtbench.testing.checks import Check, CheckFailed, Subject
from mtbench_builtins.encoders.minbert import MinBert


class Sorting(MinBert):
    """Gives its pooled states by length, not in the batch's order."""

    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        output = super().forward(batch)
        order = sorted(range(len(batch.lengths)), key=batch.lengths.__getitem__)
        return EncoderOutput(output.tokens, output.pooled[order])


class Endless(MinBert):
    def forward(self, batch: RaggedBatch) -> EncoderOutput:
        output = super().forward(batch)
        return EncoderOutput(output.tokens / 0, output.pooled)


def subject(target: type[MinBert]) -> Subject:
    entry = Registry.load().find("encoder", "minbert")
    return Subject.of(replace(entry, spec=replace(entry.spec, target=target)))


def named(name: str) -> Check:
    return next(check for check in encoder_states.check.all if check.name == name)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (Sorting, "order-changes-nothing"),
        (Sorting, "padding-changes-nothing"),
        (Endless, "states-are-finite"),
    ],
)
def test_a_real_encoder_made_wrong_is_caught(target: type[MinBert], name: str) -> None:
    named(name).function(subject(MinBert))
    with pytest.raises(CheckFailed, match=r"^expected "):
        named(name).function(subject(target))
