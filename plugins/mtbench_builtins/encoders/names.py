"""Names of a BERT's tensors: those of minBERT, and what a checkpoint calls them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from mtbench.api import UsageError
from mtbench_builtins.encoders.shape import Shape
from mtbench_builtins.encoders.stored import Stored, listed, refuse_integers, refuse_wrapper

T = TypeVar("T")

NAMES = {
    "embeddings.word": ("embeddings.word_embeddings",),
    "embeddings.position": ("embeddings.position_embeddings",),
    "embeddings.segment": ("embeddings.token_type_embeddings",),
    "embeddings.norm": ("embeddings.LayerNorm",),
    "attention.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "intermediate": ("intermediate.dense",),
    "output": ("output.dense",),
    "output_norm": ("output.LayerNorm",),
    "pooler": ("pooler.dense",),
}
"""Parts of minBERT, and what a checkpoint calls them; several are stacked into one."""

ROOTS = ("embeddings.", "encoder.", "pooler.")
BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
"""No weights: old versions of the library transformers stored them."""


def stored_names(name: str) -> list[str]:
    """Return what a checkpoint calls a parameter of minBERT; several where it is fused."""
    module, _, leaf = name.rpartition(".")
    prefix = ""
    if module.startswith("layers."):
        _, layer, module = module.split(".", 2)
        prefix = f"encoder.layer.{layer}."
    return [f"{prefix}{source}.{leaf}" for source in NAMES[module]]


def encoder_part(tensors: Mapping[str, T]) -> dict[str, T]:
    """Return the encoder's part of a checkpoint, under today's names without a prefix.

    Names may begin with ``bert.``, and layer norms may have ``gamma`` and ``beta``. What belongs
    to a head (masked language model, next sentence, classifier) is left out.
    """
    prefix = "bert." if any(name.startswith("bert.") for name in tensors) else ""
    part = {}
    for name, tensor in tensors.items():
        short = name.removeprefix(prefix)
        if name.startswith(prefix) and short.startswith(ROOTS) and short not in BUFFERS:
            modern = short.replace(".gamma", ".weight").replace(".beta", ".bias")
            part[modern] = tensor
    return part


def has_pooler(tensors: Mapping[str, T]) -> bool:
    """Whether the encoder's part of a checkpoint has a pooler."""
    return any(name.startswith("pooler.") for name in tensors)


def check(
    file: Path, tensors: Mapping[str, Stored], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Make sure that a file holds the weights of a BERT; its pooler may be missing.

    Args:
        file: opens the message of an error.
        tensors: what it holds.
        expected: shapes of minBERT's parameters by their names.

    Raises:
        UsageError: if a tensor is missing, has another shape, is none of this model's or holds
            no numbers of floating point.
    """
    refuse_wrapper(file, tensors)
    part = encoder_part(tensors)
    with_pooler = has_pooler(part)
    known = set()
    for name, size in expected.items():
        if name.startswith("pooler.") and not with_pooler:
            continue
        sources = stored_names(name)
        shape = (size[0] // len(sources), *size[1:])
        for source in sources:
            if source not in part:
                raise UsageError(
                    f"{file}: the tensor {source!r} is missing "
                    f"(found: {listed(tensors) or 'nothing'})"
                )
            if part[source].shape != shape:
                raise UsageError(
                    f"{file}: the tensor {source!r} is of shape {list(part[source].shape)}; "
                    f"by config.json it should be {list(shape)}"
                )
        known.update(sources)
    refuse_integers(file, part)
    if part.keys() - known:
        raise UsageError(
            f"{file}: tensors that the model of config.json has no place for: "
            f"{listed(part.keys() - known)}"
        )


def parameters(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Return the shapes of minBERT's parameters by their names."""
    width, inner = shape.width, shape.intermediate
    sizes: dict[str, tuple[int, ...]] = {
        "embeddings.word.weight": (shape.vocabulary, width),
        "embeddings.position.weight": (shape.max_positions, width),
        "embeddings.segment.weight": (shape.types, width),
    }
    linear = {"pooler": (width, width)}
    norms = ["embeddings.norm"]
    for layer in range(shape.layers):
        here = f"layers.{layer}."
        linear |= {
            f"{here}attention.qkv": (3 * width, width),
            f"{here}attention.output": (width, width),
            f"{here}intermediate": (inner, width),
            f"{here}output": (width, inner),
        }
        norms += [f"{here}attention_norm", f"{here}output_norm"]
    for name, size in linear.items():
        sizes |= {f"{name}.weight": size, f"{name}.bias": size[:1]}
    for name in norms:
        sizes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    return sizes
