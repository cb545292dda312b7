"""Devices: whether something computes where its tensors are, tried without the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mtbench.testing.checks import fail, require

MIXED = ("expected device", "same device")
"""What torch's messages say where tensors of two devices meet."""


def require_one_device(function: Callable[[], Tensor]) -> None:
    """Fail if a function of tensors on ``meta`` makes tensors elsewhere.

    That device has shapes and no numbers, and is on every machine. What needs numbers
    (``.item()``, a mask, a generator of the device) cannot be tried there, and does not fail.

    Raises:
        CheckFailed: if tensors of two devices meet, or the result lies elsewhere.
    """
    try:
        with _OneDevice():
            result = function()
    except NotImplementedError:
        return
    except RuntimeError as error:
        if any(words in str(error) for words in MIXED):
            fail("tensors on one device", str(error).splitlines()[0])
        return
    require(result.device.type == "meta", "a result where the tensors are", result.device)


class _OneDevice(TorchDispatchMode):
    """Fails where tensors of two devices meet; torch's products of matrices do not notice."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and t.ndim]
        devices = sorted({tensor.device.type for tensor in tensors})
        # Copies go between devices, and an index may lie on the CPU.
        if len(devices) > 1 and "copy" not in name and "index" not in name:
            fail("tensors on one device", f"{' and '.join(devices)} in {name}")
        return func(*args, **(kwargs or {}))
