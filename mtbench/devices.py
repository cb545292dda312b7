"""Devices: which of them torch can compute on here, told without importing torch."""

import ctypes
import hashlib
import os
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mtbench.errors import UsageError, nearest

AUTO = "auto"
CPU = "cpu"
CUDA = "cuda"

DETERMINISTIC = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""Environment in which cuBLAS gives the same bits again; it is read when CUDA starts."""


@dataclass(frozen=True)
class Cuda:
    """What CUDA offers here.

    Attributes:
        count: of the devices that torch can use.
        obstacle: why there is none; empty where there are some.
    """

    count: int
    obstacle: str = ""


def find_cuda() -> Cuda:
    """Ask the installed torch, and then the driver, for CUDA devices.

    The driver counts what ``CUDA_VISIBLE_DEVICES`` lets it see. Asking takes no memory on any
    device.
    """
    built_for = _cuda_of_torch()
    if built_for is None:
        return Cuda(0, "the installed torch is built without CUDA")
    try:
        driver = _driver()
    except OSError:
        return Cuda(0, "no NVIDIA driver is installed")
    version, count = ctypes.c_int(), ctypes.c_int()
    error = (
        driver.cuInit(0)
        or driver.cuDriverGetVersion(ctypes.byref(version))
        or driver.cuDeviceGetCount(ctypes.byref(count))
    )
    if error:
        return Cuda(0, f"the NVIDIA driver answers with error {error}")
    if version.value // 1000 < int(built_for.partition(".")[0]):
        return Cuda(0, f"the NVIDIA driver is too old for CUDA {built_for}, which torch needs")
    return Cuda(count.value, "" if count.value else "the NVIDIA driver shows no device")


def choose(text: str) -> str:
    """Return the device that was asked for as ``"cpu"`` or ``"cuda:<index>"``.

    A CUDA device need not be there: stored runs of one can be looked up anywhere.

    Args:
        text: ``"auto"``, which is the first CUDA device where there is one and else the CPU;
            ``"cpu"``; ``"cuda"``, the first; ``"cuda:1"``.

    Raises:
        UsageError: if it is none of these.
    """
    if text == AUTO:
        return f"{CUDA}:0" if find_cuda().count else CPU
    if text == CUDA:
        return f"{CUDA}:0"
    if text == CPU or re.fullmatch(rf"{CUDA}:(0|[1-9]\d*)", text, re.ASCII):
        return text
    guess = nearest(text, (AUTO, CPU, CUDA))
    raise UsageError(
        f"unknown device {text!r}"
        + (f"; did you mean {guess!r}?" if guess else "")
        + f" (known: auto, cpu, cuda, cuda:<index>; {_what_there_is()})"
    )


def require(device: str) -> None:
    """Make sure that a device is there.

    Args:
        device: as ``choose`` returns it.

    Raises:
        UsageError: naming what there is.
    """
    if device != CPU and int(device.partition(":")[2]) >= find_cuda().count:
        raise UsageError(f"there is no device {device!r} ({_what_there_is()})")


def type_of(device: str) -> str:
    """Return ``"cpu"`` or ``"cuda"``: what of a device decides numbers, as far as keys know."""
    return device.partition(":")[0]


def hardware(device: str) -> dict[str, str]:
    """Return the type of a device, and on CUDA its name where it is here.

    Args:
        device: as ``choose`` returns it.

    Raises:
        OSError: if the driver shows a device and does not tell its name.
    """
    described = {"type": type_of(device)}
    if described["type"] == CUDA:
        index = int(device.partition(":")[2])
        if index < find_cuda().count:
            described["name"] = _name_of_card(index)
    return described


def arithmetic() -> dict[str, str]:
    """Return what decides the last digits of this process's numbers beside a run's key.

    That is which instructions torch and MKL use on the CPU, and torch's build.
    """
    import torch

    build = "\n".join(
        line for line in torch.__config__.show().splitlines() if "CPU capability" not in line
    )
    digest = hashlib.sha256(build.encode()).hexdigest()[:12]
    return {
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        **{name: os.environ.get(name, "unset") for name in ("MKL_CBWR", "ATEN_CPU_CAPABILITY")},
        "torch_build": f"{torch.__version__} {torch.version.git_version} {digest}",
    }


def _name_of_card(index: int) -> str:
    """Return what the driver calls a device that is there; torch calls it the same."""
    driver = _driver()
    handle, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    error = driver.cuDeviceGet(ctypes.byref(handle), index) or driver.cuDeviceGetName(
        name, len(name), handle
    )
    if error:
        raise OSError(f"the NVIDIA driver answers with error {error}")
    return name.value.decode()


def _driver() -> ctypes.CDLL:
    """Load the NVIDIA driver."""
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")


def _what_there_is() -> str:
    cuda = find_cuda()
    names = [CPU, *(f"{CUDA}:{index}" for index in range(cuda.count))]
    return f"here is {', '.join(names)}" + (f": {cuda.obstacle}" if cuda.obstacle else "")


def _cuda_of_torch() -> str | None:
    """Return the version of CUDA that the installed torch is built for, or None."""
    spec = find_spec("torch")  # imports nothing, as torch is in no package
    if spec is None or spec.origin is None:
        return None
    source = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    match = re.search(r"""^cuda\b[^=\n]*= *["'](.+)["']""", source, re.MULTILINE)
    return match[1] if match else None
