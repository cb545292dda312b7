import pytest
import torch

from mtbench.components.registry import Registry
from mtbench.protocols import EncoderOutput
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.encoder_trials import (
    PARTS,
    TEXTS,
    batch,
    build,
    loss,
    part,
    require_close,
    same_state,
    states,
    trained,
)

TOKENS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
OUTPUT = EncoderOutput(TOKENS, TOKENS[[0, 2]])  # of a sequence of two tokens, and one of one


def subject() -> Subject:
    return Subject.of(Registry.load().find("encoder", "minbert"))


def test_a_batch_of_three_tasks() -> None:
    given = batch(subject())
    assert (given.parts, len(given.lengths)) == (tuple(PARTS.values()), len(TEXTS))
    one = part(states(build(subject()), given), given, 2)
    assert (len(one.tokens), len(one.pooled)) == (given.lengths[2], 1)


def test_first_weights_come_from_the_seed() -> None:
    one, same, other = (build(subject(), seed).state_dict() for seed in (0, 0, 1))
    assert same_state(one, same) == []
    assert "embeddings.word.weight" in same_state(one, other)
    assert not build(subject()).training


def test_what_is_trained() -> None:
    layer = torch.nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    assert list(trained(layer)) == ["weight"]


def test_states_that_are_apart() -> None:
    near = EncoderOutput(TOKENS + 5e-5, OUTPUT.pooled)  # 5e-5 of a largest state of 6
    require_close(near, OUTPUT, "the same")
    with pytest.raises(CheckFailed, match=r"the same, within 1e-05; came tokens that are 1.7e-05"):
        require_close(EncoderOutput(TOKENS + 1e-4, OUTPUT.pooled), OUTPUT, "the same")
    with pytest.raises(CheckFailed, match="pooled that are nan apart"):
        require_close(EncoderOutput(TOKENS, OUTPUT.pooled * float("nan")), OUTPUT, "the same")
    with pytest.raises(CheckFailed, match=r"expected the same: pooled \[2, 2\]; came \[1, 2\]"):
        require_close(EncoderOutput(TOKENS, OUTPUT.pooled[:1]), OUTPUT, "the same")


def test_the_loss_of_several_is_the_sum_of_theirs() -> None:
    alone = loss(EncoderOutput(TOKENS[:2], OUTPUT.pooled[:1]), [2])
    other = loss(EncoderOutput(TOKENS[2:], OUTPUT.pooled[1:]), [1])
    torch.testing.assert_close(loss(OUTPUT, [2, 1]), alone + other)
