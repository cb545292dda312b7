"""Modules: where one lies, and what it is made of; of none is more run than has to be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path


def top(module: str) -> str:
    """Return the first part of a module's name."""
    return module.partition(".")[0]


def spec_of(module: str) -> ModuleSpec | None:
    """Return where a module lies, None for nowhere; of packages above it as few as can be are run.

    Only a folder without ``__init__`` inside of a package needs that to be imported.
    """
    if module in sys.modules:
        return getattr(sys.modules[module], "__spec__", None)
    parent = module.rpartition(".")[0]
    try:
        if not parent:
            return find_spec(module)
        above = spec_of(parent)
        places = None if above is None else above.submodule_search_locations
        try:
            return None if places is None else PathFinder.find_spec(module, places)
        except KeyError:  # such a folder's places are asked of the package above
            return find_spec(module)
    except (ImportError, ValueError):
        return None


def is_module(name: str) -> bool:
    """Whether there is a module of that name with a file of its own."""
    spec = spec_of(name)
    return spec is not None and spec.origin is not None


def is_package(spec: ModuleSpec) -> bool:
    """Whether a module has others in it."""
    return spec.submodule_search_locations is not None


def is_python(spec: ModuleSpec) -> bool:
    """Whether a module is a file of Python's, and not a compiled one."""
    return str(spec.origin).endswith(".py")


def source_of(spec: ModuleSpec) -> bytes | None:
    """Return the bytes of a module's file, compiled ones too; None where it has no file."""
    read: Callable[[str], bytes] | None = getattr(spec.loader, "get_data", None)
    if spec.origin is None or read is None:
        return None
    source = read(spec.origin)
    return source.replace(b"\r\n", b"\n") if is_python(spec) else source


def folder_of(package: str) -> Path | None:
    """Return the folder that a top-level package or module lies in."""
    spec = spec_of(package) if package else None
    if spec is None:
        return None
    folders = [*(spec.submodule_search_locations or ())] or [spec.origin or ""]
    return Path(folders[0]).resolve().parent
