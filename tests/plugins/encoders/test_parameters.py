import pytest
from pydantic import ValidationError

from mtbench_builtins.encoders.parameters import MinBertParameters, TinyParameters


def test_without_a_checkpoint_the_shape_is_filled_in() -> None:
    assert MinBertParameters(layers=3).shape() == {
        "layers": 3,
        "width": 128,
        "attention_heads": 4,
        "intermediate": 512,
        "max_positions": 512,
    }


def test_with_a_checkpoint_there_is_no_shape() -> None:
    assert MinBertParameters(checkpoint="bert-base-uncased").shape() == {}


@pytest.mark.parametrize("given", [{}, {"checkpoint": "x", "max_tokens": 64}, {"width": 32}])
def test_what_is_resolved_once_can_be_read_again(given: dict[str, object]) -> None:
    once = MinBertParameters.model_validate(given)
    assert MinBertParameters.model_validate(once.model_dump(mode="json")) == once


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"checkpoint": "x", "layers": 2, "width": 8}, "layers, width: a checkpoint has its own"),
        ({"width": 130}, "width 130 is no multiple of 4 attention_heads"),
        ({"revision": "main"}, "a revision needs the checkpoint"),
        ({"mode": "thawed"}, "'finetune' or 'frozen'"),
        ({"dropout": 1.0}, "less than 1"),
        ({"max_tokens": 2}, "greater than or equal to 8"),
        ({"layers": 0}, "greater than 0"),
        ({"checkpoint": ""}, "at least 1 character"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MinBertParameters.model_validate(given)


def test_tiny_has_a_checkpoint_and_its_own_shape() -> None:
    tiny = TinyParameters(mode="frozen", dropout=0.2, max_tokens=64)
    assert (tiny.checkpoint, tiny.revision, tiny.shape()) == ("tiny", None, {})
    assert tiny.model_dump() == {"mode": "frozen", "dropout": 0.2, "max_tokens": 64}
    assert TinyParameters.model_validate(tiny.model_dump(mode="json")) == tiny


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"checkpoint": "bert-base-uncased", "mode": "frozen", "layers": 2},
            'checkpoint, layers: the weights of tiny are given; .* of the encoder "minbert"',
        ),
        ({"revision": None}, "revision: the weights of tiny are given"),
        ({"moed": "frozen"}, "Extra inputs are not permitted"),
    ],
)
def test_tiny_takes_no_other_weights(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TinyParameters.model_validate(given)
