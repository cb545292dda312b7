"""What encoders of both kinds owe alike: pooling, poolers that are drawn, dropout, freezing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mtbench.api import Tokens
from mtbench.model.batching import ragged
from mtbench_builtins.encoders.huggingface.encoder import HuggingFaceEncoder
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.parameters import MinBertParameters

Folder = Callable[..., Path]
Make = Callable[..., Any]

KINDS: dict[str, Make] = {
    "minbert": lambda **given: MinBert(MinBertParameters(**given)),
    "huggingface": lambda **given: HuggingFaceEncoder(HuggingFaceParameters(**given)),
}
BATCH = ragged([Tokens([2, *range(5, n + 5), 3], [0] * (n + 2)) for n in (6, 1, 12, 1, 6)])


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    """Give the function that makes an encoder of a checkpoint, after a seed."""

    def encoder(folder: Path, seed: int = 0, **given: Any) -> nn.Module:
        torch.manual_seed(seed)
        module: nn.Module = KINDS[request.param](checkpoint=str(folder), **given)
        return module

    return encoder


def pooler_of(module: nn.Module) -> torch.Tensor:
    return next(p for name, p in module.named_parameters() if "pooler" in name and p.ndim == 2)


@pytest.mark.parametrize(
    ("declared", "pooling"),
    [
        (None, "pooler"),
        ("pooling_mode_mean_tokens", "mean"),
        ("pooling_mode_cls_token", "cls"),
    ],
)
def test_declared_pooling(
    bert_folder: Folder, make: Make, declared: str | None, pooling: str
) -> None:
    assert make(bert_folder(pooling=declared)).pooling == pooling


@pytest.mark.parametrize(
    ("declared", "pooling"), [(None, "cls"), ("pooling_mode_mean_tokens", "mean")]
)
def test_a_missing_pooler_is_drawn_from_torchs_generator(
    bert_folder: Folder, make: Make, declared: str | None, pooling: str
) -> None:
    folder = bert_folder(pooler=False, pooling=declared)
    model, again, other = make(folder), make(folder), make(folder, seed=1)
    assert model.pooling == pooling
    assert 0.01 < pooler_of(model).std().item() < 0.03
    assert torch.equal(pooler_of(model), pooler_of(again))
    assert not torch.equal(pooler_of(model), pooler_of(other))


def test_dropout_follows_the_mode_of_the_module_and_the_generator(
    bert_folder: Folder, make: Make
) -> None:
    folder = bert_folder()
    model = make(folder).train()
    states = []
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        states.append(model(BATCH).tokens)
    assert torch.equal(states[0], states[2])
    assert not torch.equal(states[0], states[1])
    for dry in (model.eval(), make(folder, dropout=0.0).train()):
        assert torch.equal(dry(BATCH).tokens, dry(BATCH).tokens)


def test_a_frozen_encoder_gives_features(bert_folder: Folder, make: Make) -> None:
    model = make(bert_folder(), mode="frozen", dropout=0.5).train()
    output = model(BATCH)
    assert not output.tokens.requires_grad
    assert not output.pooled.requires_grad
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(output.tokens, model(BATCH).tokens)
    assert not any(module.training for module in model.modules())
