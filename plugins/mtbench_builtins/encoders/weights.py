"""Weights of a checkpoint: from the names of a file to the parameters of minBERT."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mtbench.api import UsageError

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


def load(file: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read a checkpoint's tensors under minBERT's names, in float32.

    Names may begin with ``bert.``, and layer norms may have ``gamma`` and ``beta``. What belongs
    to a head (masked language model, next sentence, classifier) is left out. A pooler may be
    missing; everything else must be there.

    Args:
        file: ``model.safetensors`` or ``pytorch_model.bin``.
        expected: minBERT's state, of which only names and shapes are read.

    Raises:
        UsageError: if the file cannot be read, or a tensor is missing, has another shape or is
            none of this model's.
    """
    tensors = _encoder_part(_read(file))
    has_pooler = any(name.startswith("pooler.") for name in tensors)
    state = {}
    for name, parameter in expected.items():
        if name.startswith("pooler.") and not has_pooler:
            continue
        sources = stored_names(name)
        shape = (parameter.shape[0] // len(sources), *parameter.shape[1:])
        parts = []
        for source in sources:
            part = tensors.pop(source, None)
            if part is None:
                raise UsageError(f"{file}: the tensor {source!r} is missing")
            if part.shape != shape:
                raise UsageError(
                    f"{file}: the tensor {source!r} is of shape {list(part.shape)}; "
                    f"by config.json it should be {list(shape)}"
                )
            parts.append(part.to(torch.float32))
        state[name] = torch.cat(parts)
    if tensors:
        raise UsageError(
            f"{file}: tensors that the model of config.json has no place for: "
            f"{', '.join(sorted(tensors)[:3])}" + (" ..." if len(tensors) > 3 else "")
        )
    return state


def stored_names(name: str) -> list[str]:
    """Return what a checkpoint calls a parameter of minBERT; several where it is fused."""
    module, _, leaf = name.rpartition(".")
    prefix = ""
    if module.startswith("layers."):
        _, layer, module = module.split(".", 2)
        prefix = f"encoder.layer.{layer}."
    return [f"{prefix}{source}.{leaf}" for source in NAMES[module]]


def _encoder_part(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the encoder's tensors under today's names without a prefix."""
    prefix = "bert." if any(name.startswith("bert.") for name in tensors) else ""
    found = {}
    for name, tensor in tensors.items():
        short = name.removeprefix(prefix)
        if name.startswith(prefix) and short.startswith(ROOTS) and short not in BUFFERS:
            modern = short.replace(".gamma", ".weight").replace(".beta", ".bias")
            found[modern] = tensor
    return found


def _read(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{file}: no weights can be read from it ({reason})") from error
    if not isinstance(content, dict):
        raise UsageError(f"{file}: expected a state dict, found {type(content).__name__}")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}
