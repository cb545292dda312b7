"""Shape of a BERT: the numbers that decide its modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mtbench.api import UsageError

FIXED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
}
"""What a configuration must say where it says anything: minBERT is this and nothing else."""

SIZES = {
    "vocabulary": "vocab_size",
    "layers": "num_hidden_layers",
    "width": "hidden_size",
    "attention_heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "types": "type_vocab_size",
}
RATES = {
    "epsilon": "layer_norm_eps",
    "hidden_dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
}
"""Keys of a ``config.json`` that make up a shape."""
REQUIRED = ("vocabulary", "layers", "width", "attention_heads", "intermediate")


@dataclass(frozen=True)
class Shape:
    """Numbers of a BERT; the defaults are those of Devlin et al. 2019.

    Attributes:
        vocabulary: token ids that have an embedding.
        max_positions: tokens of the longest sequence.
        types: segments that have an embedding.
        epsilon: of the layer norms.
    """

    vocabulary: int
    layers: int
    width: int
    attention_heads: int
    intermediate: int
    max_positions: int = 512
    types: int = 2
    epsilon: float = 1e-12
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.1

    def with_dropout(self, rate: float | None) -> Shape:
        """Return the shape with another dropout everywhere; None changes nothing."""
        return self if rate is None else replace(self, hidden_dropout=rate, attention_dropout=rate)


def from_config(config: Mapping[str, Any], where: str) -> Shape:
    """Return the shape that a ``config.json`` describes.

    Args:
        config: what it holds.
        where: its path, which opens the message of an error.

    Raises:
        UsageError: if it is no BERT's, or a number is missing or makes no sense.
    """
    for key, value in FIXED.items():
        if config.get(key, value) != value:
            raise UsageError(f"{where}: {key} is {config[key]!r}; minbert loads {value!r} only")
    missing = [SIZES[name] for name in REQUIRED if SIZES[name] not in config]
    if missing:
        raise UsageError(f"{where}: it has no {', no '.join(missing)}")
    numbers: dict[str, Any] = {
        name: read(config, key, where)
        for keys, read in ((SIZES, _size), (RATES, _rate))
        for name, key in keys.items()
        if key in config
    }
    shape = Shape(**numbers)
    if shape.width % shape.attention_heads:
        raise UsageError(
            f"{where}: hidden_size {shape.width} is no multiple of num_attention_heads "
            f"{shape.attention_heads}"
        )
    if shape.types < 2:
        raise UsageError(f"{where}: type_vocab_size is {shape.types}; a pair needs 2 segments")
    return shape


def _size(config: Mapping[str, Any], key: str, where: str) -> int:
    value = config[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{where}: {key} is {value!r}; expected a whole number above 0")
    return value


def _rate(config: Mapping[str, Any], key: str, where: str) -> float:
    value = config[key]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise UsageError(f"{where}: {key} is {value!r}; expected a number from 0 to below 1")
    return value
