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


LAYER = "encoder.layer.2.output.dense.bias"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, f"the tensor {WORDS!r} is missing (found: nothing)"),
        (
            {name: tensor for name, tensor in stored().items() if name != WORDS},
            f"the tensor {WORDS!r} is missing (found: embeddings.LayerNorm.bias, "
            "embeddings.LayerNorm.weight, embeddings.position_embeddings.weight, ...)",
        ),
        (
            stored() | {WORDS: Stored("F32", (7999, 12))},
            f"the tensor {WORDS!r} is of shape [7999, 12]; by config.json it should be [8000, 12]",
        ),
        (
            stored() | {LAYER: Stored("F32", (12,))},
            f"tensors that the model of config.json has no place for: {LAYER}",
        ),
        (
            stored() | {WORDS: Stored("I8", (8000, 12)), f"{WORDS}_scale": Stored("F32", (1,))},
            f"the tensor {WORDS!r} is of kind I8; weights are",
        ),
        (stored("_orig_mod."), "the tensors' names begin with '_orig_mod.' ("),
        (stored("module.bert."), "the tensors' names begin with 'module.' ("),
    ],
)
def test_what_is_no_bert_is_refused(tensors: dict[str, Stored], said: str) -> None:
    with pytest.raises(UsageError) as error:
        check(FILE, tensors, parameters(SHAPE))
    assert str(error.value).startswith(f"model.safetensors: {said}")
