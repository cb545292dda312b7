from pathlib import Path

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.names import (
    check,
    encoder_part,
    has_pooler,
    parameters,
    stored_names,
)
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.shape import Shape
from mtbench_builtins.encoders.stored import Stored

FILE = Path("model.safetensors")
SHAPE = Shape(vocabulary=8000, layers=2, width=12, attention_heads=3, intermediate=20)
WORDS = "embeddings.word_embeddings.weight"


def stored(prefix: str = "", kind: str = "F32") -> dict[str, Stored]:
    """Return what a sound file holds."""
    held = {}
    for name, size in parameters(SHAPE).items():
        sources = stored_names(name)
        for source in sources:
            held[prefix + source] = Stored(kind, (size[0] // len(sources), *size[1:]))
    return held


def refusal(tensors: dict[str, Stored]) -> str:
    with pytest.raises(UsageError) as error:
        check(FILE, tensors, parameters(SHAPE))
    return str(error.value)


def test_the_parameters_are_those_of_the_model() -> None:
    model = MinBert(MinBertParameters(layers=2, width=12, attention_heads=3, intermediate=20))
    sizes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert parameters(SHAPE) == sizes


def test_stacked_parameters_have_several_names() -> None:
    assert stored_names("layers.1.attention.qkv.bias") == [
        f"encoder.layer.1.attention.self.{part}.bias" for part in ("query", "key", "value")
    ]
    assert stored_names("pooler.weight") == ["pooler.dense.weight"]


@pytest.mark.parametrize("kind", ["F64", "F32", "F16", "BF16"])
@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_sound_file_is_taken(prefix: str, kind: str) -> None:
    tensors = stored(prefix, kind)
    check(FILE, tensors, parameters(SHAPE))
    buffer = {f"{prefix}embeddings.position_ids": Stored("I64", (1, 512))}
    head = {"cls.predictions.bias": Stored("I8", (3,))} if prefix else {}
    check(FILE, {**tensors, **buffer, **head}, parameters(SHAPE))
    assert has_pooler(encoder_part(tensors))
    without = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    check(FILE, without, parameters(SHAPE))
    assert not has_pooler(encoder_part(without))


def test_a_missing_tensor_is_told_with_what_was_found() -> None:
    tensors = stored()
    del tensors[WORDS]
    assert refusal(tensors) == (
        f"model.safetensors: the tensor {WORDS!r} is missing (found: embeddings.LayerNorm.bias, "
        "embeddings.LayerNorm.weight, embeddings.position_embeddings.weight, ...)"
    )
    assert refusal({}) == f"model.safetensors: the tensor {WORDS!r} is missing (found: nothing)"


def test_another_shape_is_refused() -> None:
    assert refusal(stored() | {WORDS: Stored("F32", (7999, 12))}) == (
        f"model.safetensors: the tensor {WORDS!r} is of shape [7999, 12]; by config.json it "
        "should be [8000, 12]"
    )


def test_a_tensor_without_a_place_is_refused() -> None:
    extra = "encoder.layer.2.output.dense.bias"
    assert refusal(stored() | {extra: Stored("F32", (12,))}) == (
        "model.safetensors: tensors that the model of config.json has no place for: " + extra
    )


def test_integers_are_refused_with_or_without_a_scale() -> None:
    quantised = stored() | {WORDS: Stored("I8", (8000, 12))}
    for scales in ({}, {f"{WORDS}_scale": Stored("F32", (8000,))}):
        assert f"the tensor {WORDS!r} is of kind I8" in refusal(quantised | scales)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module.bert."])
def test_a_wrapper_is_told(prefix: str) -> None:
    assert "as those of a model that was wrapped" in refusal(stored(prefix))
