import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from mtbench.api import UsageError
from mtbench_builtins.encoders.huggingface import configuration
from mtbench_builtins.encoders.huggingface.checkpoint import Checkpoint

Folder = Callable[..., Path]


def checkpoint_with(folder: Path, **config: Any) -> Checkpoint:
    """Return a checkpoint of which there is no more than a configuration."""
    (folder / "config.json").write_text(json.dumps(config))
    return Checkpoint(folder, folder / "config.json", folder / "weights", folder / "vocab.txt")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "t5"}, "'t5' is an encoder-decoder; .* text encoders such as BERT"),
        ({"model_type": "bart"}, "'bart' is an encoder-decoder"),
        ({"model_type": "gpt2"}, "'gpt2' is a decoder"),
        ({"model_type": "llama"}, "'llama' is a decoder"),
        ({"model_type": "bert", "is_decoder": True}, "'bert' is a decoder"),
        ({"model_type": "blert"}, r"cannot load its configuration \(.*`?blert`?"),
        (
            {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}},
            "its model is code that comes with it, which mtbench does not run",
        ),
        (
            {"model_type": "bert", "auto_map": {"AutoModel": "own.Model"}},
            r"code that comes with it, which mtbench does not run \(auto_map: own\.Model\)",
        ),
    ],
)
def test_what_is_no_text_encoder_is_refused(
    tmp_path: Path, config: dict[str, Any], reason: str
) -> None:
    checkpoint = checkpoint_with(tmp_path, **config)
    with pytest.raises(UsageError, match=reason) as error:
        configuration.read(checkpoint)
    assert str(error.value).startswith(f"{checkpoint.config}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm", "modernbert", "deberta-v2"])
def test_a_text_encoder_is_read(tmp_path: Path, kind: str) -> None:
    config = configuration.read(checkpoint_with(tmp_path, model_type=kind, vocab_size=70000))
    assert (config.model_type, config.vocab_size) == (kind, 70000)


@pytest.mark.parametrize(
    ("kind", "rates"),
    [
        ("bert", {"hidden_dropout_prob", "attention_probs_dropout_prob"}),
        ("deberta-v2", {"hidden_dropout_prob", "attention_probs_dropout_prob"}),
        ("electra", {"hidden_dropout_prob", "attention_probs_dropout_prob"}),
        ("albert", {"hidden_dropout_prob", "attention_probs_dropout_prob"}),
        ("distilbert", {"dropout", "attention_dropout"}),
        ("modernbert", {"attention_dropout", "embedding_dropout", "mlp_dropout"}),
        ("flaubert", {"dropout", "attention_dropout"}),
    ],
)
def test_every_rate_of_dropout_is_set_and_no_other(kind: str, rates: set[str]) -> None:
    config = AutoConfig.for_model(kind)
    before = config.to_dict()
    configuration.set_dropout(config, None, "here")
    assert config.to_dict() == before
    configuration.set_dropout(config, 0.375, "here")
    assert {name for name, value in config.to_dict().items() if value == 0.375} == rates
    assert {**before, **dict.fromkeys(rates, 0.375)} == config.to_dict()


def test_a_rate_that_nothing_has_is_refused() -> None:
    config = AutoConfig.for_model("bert")
    for name in list(vars(config)):
        if "dropout" in name:
            delattr(config, name)
    with pytest.raises(UsageError, match=r"^here: it has no rate of dropout that could be 0\.2$"):
        configuration.set_dropout(config, 0.2, "here")


@pytest.mark.parametrize(
    ("kind", "given", "longest"),
    [
        ("bert", {"max_position_embeddings": 512}, 512),
        ("roberta", {"max_position_embeddings": 514}, 512),
        ("mpnet", {"max_position_embeddings": 514}, 512),
        ("deberta-v2", {"max_position_embeddings": 512}, 512),
        ("modernbert", {}, 8192),
        ("xlnet", {}, None),
    ],
)
def test_the_longest_sequence(kind: str, given: dict[str, int], longest: int | None) -> None:
    assert configuration.positions(AutoConfig.for_model(kind, **given)) == longest


def test_an_error_of_the_library_becomes_its_first_line() -> None:
    said = configuration.refusal("there", "it", ValueError("\n first \nsecond"))
    assert str(said) == "there: the library transformers cannot load it (first)"
    said = configuration.refusal("there", "it", KeyError())
    assert str(said) == "there: the library transformers cannot load it (KeyError)"
