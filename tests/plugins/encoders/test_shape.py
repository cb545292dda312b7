from typing import Any

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders.shape import Shape, from_config

CONFIG = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}


def test_a_config_that_leaves_the_rest_open_is_the_papers() -> None:
    shape = from_config(CONFIG, "config.json")
    assert shape == Shape(30522, 12, 768, 12, 3072, 512, 2, 1e-12, 0.1, 0.1)


def test_what_a_config_says_is_taken() -> None:
    said = {"layer_norm_eps": 1e-5, "hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0}
    shape = from_config(CONFIG | said | {"type_vocab_size": 3, "architectures": []}, "config.json")
    assert (shape.epsilon, shape.hidden_dropout, shape.attention_dropout) == (1e-5, 0.2, 0)
    assert shape.types == 3


def test_dropout_is_overridden_everywhere_or_nowhere() -> None:
    shape = from_config(CONFIG | {"attention_probs_dropout_prob": 0.3}, "config.json")
    assert shape.with_dropout(None) == shape
    other = shape.with_dropout(0.0)
    assert (other.hidden_dropout, other.attention_dropout) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta'; minbert loads 'bert' only"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"hidden_size": "768"}, "hidden_size is '768'; expected a whole number"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_attention_heads": True}, "num_attention_heads is True"),
        ({"hidden_dropout_prob": False}, "hidden_dropout_prob is False"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob is 1.5"),
        ({"num_attention_heads": 7}, "hidden_size 768 is no multiple of num_attention_heads 7"),
        ({"type_vocab_size": 1}, "a pair needs 2 segments"),
    ],
)
def test_another_kind_of_model_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=r"^some/config\.json: .*" + message):
        from_config(CONFIG | changes, "some/config.json")


def test_missing_numbers_are_named() -> None:
    with pytest.raises(UsageError, match="it has no num_hidden_layers, no intermediate_size"):
        from_config({key: CONFIG[key] for key in list(CONFIG)[:2] + list(CONFIG)[3:4]}, "c")
