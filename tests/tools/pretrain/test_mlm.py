import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mtbench.api import EncoderOutput, RaggedBatch, Tokens
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.vocabulary import SPECIAL
from tools.pretrain.mlm import FIRST_WORD, MASK, MaskedLanguageModel

CLS, SEP, UNK = 2, 3, 1
KINDS = ("bias", "weight")


def sequence(*ids: int) -> Tokens:
    return Tokens([CLS, *ids, SEP], [0] * (len(ids) + 2))


class Watch:
    """Keeps what an encoder is shown, and which tokens are to be told."""

    def __init__(self, student: MinBert, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[Tensor] = []
        self.told: list[Tensor] = []
        student.register_forward_pre_hook(lambda _, given: self.shown.append(given[0].ids))

        def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
            self.told.append(labels)
            return original(logits, labels)

        original = F.cross_entropy
        monkeypatch.setattr(F, "cross_entropy", cross_entropy)


def test_the_special_pieces_are_those_below_the_first_word() -> None:
    assert len(SPECIAL) == FIRST_WORD
    assert SPECIAL[MASK] == "[MASK]"


def test_special_tokens_are_never_masked(
    student: MinBert, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(student, monkeypatch)
    # All of one length, so that the stream has the order in which they are given.
    given = [sequence(UNK, word, UNK, word + 1) for word in range(10, 40)]
    MaskedLanguageModel(student, masked=0.999).loss(given)
    (shown,), (told,) = watch.shown, watch.told
    ids = torch.tensor([sequence.ids for sequence in given]).flatten()
    special = ids < FIRST_WORD
    assert torch.equal(shown[special], ids[special])
    assert told.min() >= FIRST_WORD
    assert len(told) == pytest.approx((~special).sum().item(), abs=2)


def test_shares_of_what_is_masked(student: MinBert, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(student, monkeypatch)
    word, count = 77, 20_000
    MaskedLanguageModel(student, masked=0.3).loss([sequence(*[word] * 100)] * (count // 100))
    (shown,), (told,) = watch.shown, watch.told
    assert {*told.tolist()} == {word}
    chosen = len(told)
    assert chosen / count == pytest.approx(0.3, abs=0.02)
    masked = (shown == MASK).sum().item()
    random = ((shown >= FIRST_WORD) & (shown != word)).sum().item()
    assert masked / chosen == pytest.approx(0.8, abs=0.02)
    assert random / chosen == pytest.approx(0.1, abs=0.02)
    others = shown[(shown >= FIRST_WORD) & (shown != word)]
    assert len(others.unique()) > 400


def test_a_batch_without_a_chosen_word_tells_every_word(
    student: MinBert, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(student, monkeypatch)
    loss = MaskedLanguageModel(student, masked=1e-9).loss([sequence(7, 8), sequence(9)])
    assert sorted(watch.told[0].tolist()) == [7, 8, 9]
    assert loss.isfinite()


def test_the_loss_of_one_who_knows_nothing(student: MinBert) -> None:
    class Blind(torch.nn.Module):
        def __init__(self, seeing: MinBert) -> None:
            super().__init__()
            self.width, self.embeddings = seeing.width, seeing.embeddings

        def forward(self, batch: RaggedBatch) -> EncoderOutput:
            states = torch.zeros(len(batch.ids), self.width)
            return EncoderOutput(states, states)

    blind: Any = Blind(student)
    model = MaskedLanguageModel(blind, masked=0.5)
    torch.nn.init.zeros_(model.get_parameter("transform.0.bias"))
    loss = model.loss([sequence(*range(10, 30))])
    # Zeros stay zeros: every piece is as likely as every other.
    expected = torch.tensor(float(len(model.bias))).log()
    torch.testing.assert_close(loss, expected)


def test_words_are_the_output_layer_too(student: MinBert) -> None:
    model = MaskedLanguageModel(student, masked=0.5)
    model.loss([sequence(*range(10, 30))]).backward()
    gradient = student.embeddings.word.weight.grad
    assert gradient is not None
    # Pieces that no batch has learn too: that they were not the one.
    assert gradient[500].abs().sum() > 0
    names = [name for name, _ in model.named_parameters() if not name.startswith("encoder.")]
    assert sorted(names) == ["bias", *(f"transform.{i}.{k}" for i in (0, 2) for k in KINDS)]


def test_the_loss_falls_below_what_frequencies_tell(student: MinBert) -> None:
    model = MaskedLanguageModel(student, masked=0.3)
    given = [sequence(*[word] * 6) for word in range(10, 18)]  # eight words, equally frequent
    with torch.no_grad():
        student.embeddings.word.weight.mul_(40)  # else it takes long to tell them apart
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    losses = []
    for _ in range(160):
        optimizer.zero_grad()
        loss = model.loss(given)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[:5]) / 5 > 5
    assert sum(losses[-20:]) / 20 < math.log(8) / 2
