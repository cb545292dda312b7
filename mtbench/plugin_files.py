"""Plugin files: Python files that are plugins without being installed (``--plugin``)."""

import sys
from collections.abc import Container, Iterable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from mtbench.errors import UsageError

BESIDE = "mtbenchfile.py"
"""A file of this name is a plugin of the matrix beside it; each study may have its own."""


def file_beside(matrix: Path) -> list[Path]:
    """Return the plugin file in the folder of a matrix, if there is one.

    Args:
        matrix: its file, or the folder of that.
    """
    file = (matrix if matrix.is_dir() else matrix.parent) / BESIDE
    return [file] if file.is_file() else []


def distinct(files: Iterable[Path]) -> list[Path]:
    """Return the files, each of them once, however often and in what spelling it was given.

    Raises:
        UsageError: if two of them have one name, and so would be one module.
    """
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(file.name, file)
        if other.resolve() != file.resolve():
            raise UsageError(f"--plugin {file}: it has the name of another one, {other}")
    return list(found.values())


def check_stored(files: Iterable[Path], blocked: Container[str], *, run: str) -> None:
    """Make sure that the plugin files of a stored run are still where they were.

    Args:
        blocked: names of files, without ``.py``, that the run leaves out.
        run: how the message calls it.

    Raises:
        UsageError: if one is not there.
    """
    for file in files:
        if file.stem not in blocked and not file.is_file():
            raise UsageError(f"the plugin file of {run}, {file}, is not there any more")


def check_file(file: Path) -> None:
    """Make sure that a file can be imported as a module of its own name.

    Raises:
        UsageError: if it is not there, is not named like a module, or would hide another one.
    """
    if not file.is_file():
        raise UsageError(f"--plugin {file}: there is no such file")
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise UsageError(f"--plugin {file}: a plugin file is named like a Python module")
    if file.name == BESIDE:
        return  # whoever loads a study means its own, and none that was there before
    known = sys.modules.get(file.stem)
    origin = getattr(known, "__file__", None) if known else _origin(file.stem)
    if (known or origin) and Path(origin or "/").resolve() != file.resolve():
        raise UsageError(
            f"--plugin {file}: the module {file.stem!r} exists already ({origin}); rename the "
            "file, or leave --plugin out if that module is the plugin you mean"
        )


def import_file(file: Path) -> ModuleType:
    """Import a file as a module of its own name, so that ``"my_head:MyHead"`` finds it."""
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None  # a .py file always has a spec, and a loader
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    return module


def _origin(module: str) -> str | None:
    spec = find_spec(module)
    return spec.origin if spec else None
