import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from mtbench import devices
from mtbench.devices import Cuda, choose, find_cuda, hardware, require, type_of
from mtbench.errors import UsageError

CUDA_13 = """
from typing import Optional

__all__ = ['__version__', 'cuda', 'hip']
__version__ = '2.13.0+cu130'
cuda: Optional[str] = '13.0'
hip: Optional[str] = None
"""

NO_CUDA = CUDA_13.replace("'13.0'", "None")


class Driver:
    """Stands for NVIDIA's library: so many devices, a version, and what ``cuInit`` answers."""

    def __init__(self, count: int = 2, version: int = 13020, answer: int = 0) -> None:
        self.count, self.version, self.answer = count, version, answer
        self.initialised = False

    def cuInit(self, flags: int) -> int:  # noqa: N802
        assert flags == 0
        self.initialised = True
        return self.answer

    def cuDriverGetVersion(self, place: Any) -> int:  # noqa: N802
        place._obj.value = self.version
        return 0

    def cuDeviceGetCount(self, place: Any) -> int:  # noqa: N802
        assert self.initialised
        place._obj.value = self.count
        return 0


Machine = Callable[[str | None, Driver | None], None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Give a function that sets up a machine: its torch's ``version.py``, and its driver."""

    def set_up(version: str | None, driver: Driver | None) -> None:
        folder = tmp_path / "torch"
        folder.mkdir(exist_ok=True)
        init = folder / "__init__.py"
        init.write_text("raise AssertionError('torch is imported')\n")
        spec = None if version is None else spec_from_file_location("torch", init)
        (folder / "version.py").write_text(version or "")
        monkeypatch.setattr(devices, "find_spec", {"torch": spec}.__getitem__)

        def load(name: str) -> Driver:
            assert name == ("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
            if driver is None:
                raise OSError("no such library")
            return driver

        monkeypatch.setattr(devices.ctypes, "CDLL", load)

    return set_up


# --- what there is ----------------------------------------------------------------------------

OBSTACLES: dict[str, tuple[str | None, Driver | None, str]] = {
    "no torch": (None, Driver(), "the installed torch is built without CUDA"),
    "a torch for the CPU": (NO_CUDA, Driver(), "the installed torch is built without CUDA"),
    "no driver": (CUDA_13, None, "no NVIDIA driver is installed"),
    "a driver in trouble": (
        CUDA_13,
        Driver(answer=803),
        "the NVIDIA driver answers with error 803",
    ),
    "an old driver": (
        CUDA_13,
        Driver(version=12090),
        "the NVIDIA driver is too old for CUDA 13.0, which torch needs",
    ),
    "a driver that shows nothing": (CUDA_13, Driver(0), "the NVIDIA driver shows no device"),
}


@pytest.mark.parametrize(("version", "driver", "obstacle"), OBSTACLES.values(), ids=OBSTACLES)
def test_why_there_is_no_cuda(
    machine: Machine, version: str | None, driver: Driver | None, obstacle: str
) -> None:
    machine(version, driver)

    assert find_cuda() == Cuda(0, obstacle)
    assert choose("auto") == "cpu"


@pytest.mark.parametrize(
    "version", [CUDA_13, "cuda = '13.0'\n", 'cuda: str | None = "12.8"\nhip = None\n']
)
def test_devices_that_the_driver_shows(machine: Machine, version: str) -> None:
    machine(version, Driver(3))

    assert find_cuda() == Cuda(3)


@pytest.mark.skipif(os.name == "nt", reason="the library is made by a Unix compiler")
def test_the_driver_is_a_real_library(tmp_path: Path) -> None:
    """A driver and a torch that are files, looked for by another process as on any machine."""
    source = tmp_path / "driver.c"
    source.write_text(
        "#include <stdlib.h>\n"
        "int cuInit(unsigned flags) { return (int) flags; }\n"
        "int cuDriverGetVersion(int *version) { *version = 13000; return 0; }\n"
        'int cuDeviceGetCount(int *count) { *count = atoi(getenv("COUNT")); return 0; }\n'
    )
    library = tmp_path / "libcuda.so.1"
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    except FileNotFoundError:
        pytest.skip("needs a C compiler, cc")
    torch = tmp_path / "torch"
    torch.mkdir()
    (torch / "__init__.py").write_text("raise AssertionError('torch is imported')\n")
    (torch / "version.py").write_text(CUDA_13)
    script = "from mtbench.devices import choose, find_cuda; print(find_cuda(), choose('auto'))"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": path, "COUNT": "2"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("Cuda(count=2, obstacle='') cuda:0\n", "")


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")

    assert find_cuda().count == (torch.cuda.device_count() if torch.version.cuda else 0)
    assert ctypes.sizeof(ctypes.c_int) == 4  # as the driver's functions have it


# --- what is asked for ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("auto", "cuda:0"),
        ("cpu", "cpu"),
        ("cuda", "cuda:0"),
        ("cuda:0", "cuda:0"),
        ("cuda:12", "cuda:12"),
    ],
)
def test_a_device_is_chosen(machine: Machine, text: str, device: str) -> None:
    machine(CUDA_13, Driver())

    assert choose(text) == device


def test_a_cuda_device_is_chosen_where_there_is_none(machine: Machine) -> None:
    machine(NO_CUDA, None)

    assert [choose(text) for text in ("cuda", "cuda:1")] == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize("text", ["gpu", "cuda:x", "cuda:", "cuda:-1", "cuda:01", "cpu:0", ""])
def test_what_is_no_device(machine: Machine, text: str) -> None:
    machine(CUDA_13, Driver())

    with pytest.raises(UsageError) as caught:
        choose(text)

    assert str(caught.value).startswith(f"unknown device {text!r}")
    assert str(caught.value).endswith(
        "(known: auto, cpu, cuda, cuda:<index>; here is cpu, cuda:0, cuda:1)"
    )


def test_the_nearest_device_is_named(machine: Machine) -> None:
    machine(NO_CUDA, None)

    with pytest.raises(UsageError) as caught:
        choose("coda")

    assert str(caught.value) == (
        "unknown device 'coda'; did you mean 'cuda'? (known: auto, cpu, cuda, cuda:<index>; "
        "here is cpu: the installed torch is built without CUDA)"
    )


def test_what_is_there_can_be_used(machine: Machine) -> None:
    machine(CUDA_13, Driver(11))
    for device in ("cpu", "cuda:0", "cuda:10"):
        require(device)

    machine(NO_CUDA, None)
    require("cpu")


def test_what_is_not_there_is_told_with_what_is(machine: Machine) -> None:
    machine(CUDA_13, Driver(2))
    with pytest.raises(UsageError) as caught:
        require("cuda:2")
    assert str(caught.value) == "there is no device 'cuda:2' (here is cpu, cuda:0, cuda:1)"

    machine(CUDA_13, None)
    with pytest.raises(UsageError) as caught:
        require("cuda:0")
    assert str(caught.value) == (
        "there is no device 'cuda:0' (here is cpu: no NVIDIA driver is installed)"
    )


def test_a_type_has_no_index() -> None:
    assert [type_of(device) for device in ("cpu", "cuda", "cuda:0", "cuda:12")] == [
        "cpu",
        "cuda",
        "cuda",
        "cuda",
    ]


# --- what a card is called --------------------------------------------------------------------


def test_a_cpu_has_its_type_and_so_has_a_card_that_is_not_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "find_cuda", lambda: Cuda(0, "none"))

    assert hardware("cpu") == {"type": "cpu"}
    assert hardware("cuda:1") == {"type": "cuda"}


class NamingDriver:
    """Answers as the CUDA driver does, for two cards."""

    def __init__(self, error: int = 0) -> None:
        self._error = error

    def cuDeviceGet(self, handle: Any, index: int) -> int:  # noqa: N802
        handle._obj.value = 40 + index
        return self._error

    def cuDeviceGetName(self, name: Any, size: int, handle: Any) -> int:  # noqa: N802
        name.value = f"card {handle.value} of {size}".encode()
        return 0


def test_the_driver_tells_the_name_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_cuda", lambda: Cuda(2))
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: NamingDriver())

    assert hardware("cuda:1") == {"type": "cuda", "name": "card 41 of 256"}

    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: NamingDriver(error=999))
    with pytest.raises(OSError, match="the NVIDIA driver answers with error 999"):
        hardware("cuda:0")


@pytest.mark.skipif(not find_cuda().count, reason="needs a CUDA device")
def test_a_card_has_the_name_that_torch_gives_it() -> None:
    import torch

    assert hardware("cuda:0") == {"type": "cuda", "name": torch.cuda.get_device_name(0)}


# --- arithmetic -------------------------------------------------------------------------------


def arithmetic_in_a_process(**environment: str) -> dict[str, str]:
    script = "import json; from mtbench.devices import arithmetic; print(json.dumps(arithmetic()))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, str] = json.loads(done.stdout)
    return told


def test_what_moves_last_digits_is_told() -> None:
    import torch

    here = arithmetic_in_a_process()
    plain = arithmetic_in_a_process(ATEN_CPU_CAPABILITY="default", MKL_CBWR="COMPATIBLE")

    assert here["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert here["torch_build"].startswith(f"{torch.__version__} {torch.version.git_version} ")
    assert (here["MKL_CBWR"], here["ATEN_CPU_CAPABILITY"]) == ("unset", "unset")
    assert plain == {
        "cpu_capability": "DEFAULT",
        "MKL_CBWR": "COMPATIBLE",
        "ATEN_CPU_CAPABILITY": "default",
        "torch_build": here["torch_build"],
    }
