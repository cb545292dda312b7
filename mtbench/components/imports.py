"""Imports: the modules that a module's code takes up, read off the sources; nothing is run."""

from __future__ import annotations

import ast
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points, packages_distributions
from importlib.util import resolve_name
from pathlib import Path

from mtbench.components.modules import (
    folder_of,
    is_module,
    is_package,
    is_python,
    source_of,
    spec_of,
    top,
)
from mtbench.hookspecs import NAMESPACE

HARNESS = __name__.partition(".")[0]
"""The package whose code is in no source: a number of its own stands for it."""

Import = tuple[str, str]
"""A module, and what is taken from it: a name, ``"*"``, or nothing but the module itself."""

LOADERS = ("import_module", "__import__", "find_spec")
"""Functions whose first argument names a module."""


def closure(roots: Iterable[str]) -> dict[str, bytes]:
    """Return the sources of modules and of what they import, transitively, by full name.

    Followed is code of the same distribution, of distributions that are plugins, and of none at
    all, such as a file beside a plugin file. Python's own library, the harness and distributions
    that are no plugins are left out.

    Raises:
        ImportError: if one of the roots is nowhere, or has no source that can be read.
        SyntaxError: if a source is no Python.
    """
    pending = [root for root in roots if not _is_given(top(root))]
    for root in pending:
        if (spec := spec_of(root)) is None:
            raise ModuleNotFoundError(f"No module named {root!r}")
        if source_of(spec) is None:
            raise ImportError(f"the source of the module {root!r} cannot be found")
    sources: dict[str, bytes] = {}
    follows = cache(counts)  # it asks the file system
    while pending:
        name = pending.pop()
        if name in sources or not (spec := spec_of(name)) or (source := source_of(spec)) is None:
            continue  # it is not there, or is a folder without a file of its own
        sources[name] = source
        if is_python(spec):
            package = name if is_package(spec) else name.rpartition(".")[0]
            for base, taken in _imports(source, str(spec.origin), package):
                if follows(top(base), top(name)):
                    pending += defining(base, taken)
    return sources


@cache
def _imports(source: bytes, file: str, package: str) -> tuple[Import, ...]:
    """Return what a source imports, each once; components share most of their modules."""
    return tuple(dict.fromkeys(imported(_parsed(source, file), package)))


@cache
def _parsed(source: bytes, file: str) -> ast.Module:
    return ast.parse(source, file)


def imported(tree: ast.AST, package: str) -> Iterator[Import]:
    """Yield what a module imports, wherever in it: in functions, under conditions, by a call.

    A relative one that leads above the top of its package is one of ``""``, which is nowhere.

    Args:
        package: that its relative imports start from; empty for a module in none.
    """
    packages = set()
    nodes = list(ast.walk(tree))
    aliases = [node for node in nodes if isinstance(node, ast.alias)]
    loaders = {*LOADERS, *(alias.asname for alias in aliases if alias.name in LOADERS)}
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
            packages |= {top(alias.name) for alias in node.names if alias.asname is None}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield from ((base, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and _dotted(node.func)[-1] in loaders:
            yield from _called(node, package)
    for node in nodes:
        # After ``import a.b``, code may go from ``a`` to whatever else is in it.
        first, *rest = _dotted(node)
        if first in packages and rest:
            yield first, ".".join(rest)


def _called(node: ast.Call, package: str) -> Iterator[Import]:
    """Yield the module of ``import_module("name")`` or ``__import__("name")``."""
    named = sorted(node.keywords, key=lambda keyword: keyword.arg != "name")
    parts = [*node.args, *(keyword.value for keyword in named)]
    texts = [part.value for part in parts if isinstance(part, ast.Constant)]
    match [text for text in texts if isinstance(text, str)]:
        case [name, *given]:
            yield _absolute(name, given[0] if given else package), ""


def _dotted(node: ast.AST) -> list[str]:
    """Return the parts of ``a.b.c``; an empty first one where it is nothing of that form."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value), node.attr]
    return [""]


def _absolute(name: str, package: str) -> str:
    """Return the full name of a module; empty where it leads above the top of its package."""
    try:
        return resolve_name(name, package)
    except ImportError:
        return ""


def defining(module: str, name: str) -> list[str]:
    """Return the modules that bring a name of a module, looking through what only passes it on.

    A package's ``__init__`` that does no more than import the name is not among them.

    Args:
        name: may be dotted; see ``Import``.
    """
    return [*_defining(module, name, set())]


def _defining(module: str, name: str, seen: set[Import]) -> Iterator[str]:
    if (module, name) in seen:
        return
    seen.add((module, name))
    first, _, rest = name.partition(".")
    inner = f"{module}.{first}"
    if first.isidentifier() and is_module(inner):
        yield from _defining(inner, rest, seen) if rest else [inner]
        return
    spec = spec_of(module)
    if not first or spec is None or not (is_package(spec) and is_python(spec)):
        yield module
        return
    tree = _parsed(source_of(spec) or b"", str(spec.origin))
    if first == "*":
        yield module
        yield from (f"{module}.{part}" for part in _listed(tree) if is_module(f"{module}.{part}"))
        return
    origins = _passed_on(tree, first, module)
    if not origins:
        yield module
    for base, taken in origins:
        if counts(base, module):
            yield from _defining(base, taken, seen)


def _passed_on(tree: ast.Module, name: str, package: str) -> list[Import]:
    """Return where a package's ``__init__`` imports a name from; nothing where it makes it."""
    origins = []
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=aliases):
                base = _absolute("." * node.level + (node.module or ""), package)
                names = [alias.name for alias in aliases if (alias.asname or alias.name) == name]
                origins += [(base, taken) for taken in names]
            case ast.Import(names=aliases):
                origins += [(alias.name, "") for alias in aliases if alias.asname == name]
            case ast.Name(id=bound, ctx=ast.Store()) if bound == name:
                return []
            case ast.Attribute(value=ast.Name(id=bound), ctx=ast.Store()) if bound == name:
                return []
            case ast.FunctionDef(name=bound) | ast.ClassDef(name=bound) if bound == name:
                return []
    return origins


def _listed(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ["__all__"] in map(_dotted, node.targets):
            texts = (child for child in ast.walk(node.value) if isinstance(child, ast.Constant))
            yield from (text.value for text in texts if isinstance(text.value, str))


# --- whose code ---------------------------------------------------------------------------------


def counts(module: str, importer: str = "") -> bool:
    """Whether a module's source is followed from another one; without that, from anywhere."""
    package = top(module)
    if _is_given(package):
        return False
    if package == top(importer) or package in _of_plugins(_places()):
        return True
    folder = folder_of(package)
    if folder is None or folder in _libraries():
        return False
    return folder == folder_of(top(importer)) or package not in _distributed(_places())


def _is_given(package: str) -> bool:
    return package == HARNESS or package in sys.stdlib_module_names


@cache
def _libraries() -> frozenset[Path]:
    """Return the folders that distributions are installed into, and Python's own."""
    own = map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib"))
    folders = [*own, *site.getsitepackages(), site.getusersitepackages()]
    return frozenset(Path(folder).resolve() for folder in folders)


Places = tuple[tuple[str, int], ...]


def _places() -> Places:
    """Return ``sys.path`` with when each folder changed, which installing something does."""
    return tuple((folder, _changed(folder)) for folder in sys.path)


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 - a path for each takes longer
    except OSError:
        return 0


@cache
def _of_plugins(_: Places) -> frozenset[str]:
    """Return the top-level packages of the distributions that are plugins."""
    packages = set()
    for point in entry_points(group=NAMESPACE):
        packages.add(top(point.module))
        if point.dist is not None:
            declared = (point.dist.read_text("top_level.txt") or "").split()
            files = [file.parts for file in point.dist.files or () if file.suffix == ".py"]
            packages |= {*declared, *(parts[0].removesuffix(".py") for parts in files)}
    return frozenset(packages)


@cache
def _distributed(_: Places) -> frozenset[str]:
    """Return the top-level packages that some distribution brings."""
    return frozenset(packages_distributions())
