"""Weights of a checkpoint: from the tensors of a file to the parameters of minBERT."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mtbench.api import UsageError, check_there
from mtbench_builtins.encoders.names import check, encoder_part, has_pooler, stored_names
from mtbench_builtins.encoders.stored import Stored, unreadable

KINDS = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
}
"""Kinds of numbers that are weights, by the names that safetensors has for them."""


def load(file: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read a checkpoint's tensors under minBERT's names, in float32.

    What the names may be, and what is left out, says ``names.encoder_part``. A pooler may be
    missing; everything else must be there.

    Args:
        file: ``model.safetensors`` or ``pytorch_model.bin``.
        expected: minBERT's state, of which only names and shapes are read.

    Raises:
        UsageError: if the file cannot be read, or a tensor is missing, has another shape, is
            none of this model's or holds no numbers of floating point.
    """
    content = _read(file)
    kinds = {
        name: Stored(KINDS.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape))
        for name, tensor in content.items()
    }
    check(file, kinds, {name: tuple(tensor.shape) for name, tensor in expected.items()})
    tensors = encoder_part(content)
    return {
        name: torch.cat([tensors[source].to(torch.float32) for source in stored_names(name)])
        for name in expected
        if has_pooler(tensors) or not name.startswith("pooler.")
    }


def _read(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    check_there(file, "weights")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # what torch makes of a damaged pickle is of any kind
        raise unreadable(file, error) from error
    if not isinstance(content, dict):
        raise UsageError(f"{file}: expected a state dict, found {type(content).__name__}")
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    return {name: tensor for name, tensor in tensors.items() if isinstance(name, str)}
