import errno
import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.system.tracebacks import VARIABLE, is_out_of_memory, place, show, summary


class Wordless(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("sst"), "KeyError: 'sst'"),
        (RuntimeError("one\n   two\n"), "RuntimeError: one two"),
        (SystemExit(3), "SystemExit: 3"),
        (Wordless(), "Wordless"),
    ],
    ids=repr,
)
def test_an_error_in_one_line(error: BaseException, line: str) -> None:
    assert summary(error) == line


# --- memory -----------------------------------------------------------------------------------

CPU = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
SHORTAGES = [
    MemoryError(),
    MemoryError("Unable to allocate 256. PiB for an array"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError(CPU),
    RuntimeError("CUDA error: out of memory\nCompile with"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("unable to mmap 9 bytes from file <x>: Cannot allocate memory (12)"),
    ImportError("libx.so: failed to map segment from shared object"),
]


@pytest.mark.parametrize("error", SHORTAGES, ids=repr)
def test_memory_that_is_not_to_be_had(error: Exception) -> None:
    wrapped = ValueError("the table is too large")
    wrapped.__cause__ = error

    assert is_out_of_memory(error)
    assert is_out_of_memory(wrapped)
    said = " ".join(str(error).split())
    told = f"{type(error).__name__}: {said}" if said else "MemoryError"
    assert summary(error) == summary(wrapped) == f"out of memory ({told})"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("a memory of 9 slots is out of range"),
        KeyError("memory"),
    ],
    ids=repr,
)
def test_other_errors_are_none_of_memory(error: Exception) -> None:
    unrelated = ValueError("no number")
    unrelated.__context__ = MemoryError()

    assert not is_out_of_memory(error)
    assert not is_out_of_memory(unrelated)


@pytest.mark.parametrize("raised", [ValueError, SystemExit])
def test_an_error_that_cannot_be_shown_is_told_by_its_kind(raised: type[BaseException]) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise raised("no words")

    assert summary(Mute()) == "Mute: <exception str() failed>"
    assert not is_out_of_memory(Mute())


def test_an_error_that_is_its_own_cause() -> None:
    error = ValueError("of itself")
    error.__cause__ = error

    assert summary(error) == "ValueError: of itself"


# --- places -----------------------------------------------------------------------------------


def caught(function: Callable[[], object]) -> BaseException:
    with pytest.raises(ZeroDivisionError) as error:
        function()
    return error.value


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None) -> Path:
    """A package whose innermost module divides by zero on its second line."""
    folder = tmp_path / "folder" / "tracebacks_package"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("from tracebacks_package.inner.deep import fail\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "deep.py").write_text("def fail():\n    return 1 / 0\n")
    (folder.parent / "tracebacks_file.py").write_text(
        "from tracebacks_package import fail\n\n\ndef call():\n    fail()\n"
    )
    monkeypatch.syspath_prepend(folder.parent)
    return folder


def test_the_place_is_the_innermost_line_of_the_packages(package: Path) -> None:
    error = caught(importlib.import_module("tracebacks_file").call)

    assert place(error, {"tracebacks_package"}) == "tracebacks_package/inner/deep.py:2"
    assert place(error, {"tracebacks_file"}) == "tracebacks_file.py:5"
    assert (
        place(error, {"tracebacks_file", "tracebacks_package"})
        == "tracebacks_package/inner/deep.py:2"
    )
    assert place(error, {"json"}) == ""


def test_a_package_is_shown_with_its_folder(package: Path) -> None:
    (package / "__init__.py").write_text("def call():\n    1 / 0\n")

    error = caught(importlib.import_module("tracebacks_package").call)

    assert place(error, {"tracebacks_package"}) == "tracebacks_package/__init__.py:2"


def test_a_traceback_is_shown_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = caught(lambda: 1 / 0)

    show(error)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv(VARIABLE, "1")
    show(error)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("ZeroDivisionError: division by zero\n")
