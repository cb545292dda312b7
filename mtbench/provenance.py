"""Source hashes: which code a component is made of, so that editing it re-runs what used it."""

import ast
import hashlib
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path

from mtbench.specs import Target


def source_hash(target: Target) -> str:
    """Return the SHA-256 of a component: its name, its module, what that imports of its package.

    A folder's ``__init__`` counts only where a name is taken from it, so that adding a
    component to a catalogue changes no other component's hash.

    Raises:
        ImportError: if there is no such module.
        SyntaxError: if a source is no Python.
    """
    if isinstance(target, str):
        module, _, name = target.partition(":")
    else:
        module, name = target.__module__, getattr(target, "__qualname__", "")
    if _spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}")
    digest = hashlib.sha256(f"{module}:{name}\0".encode())
    for source_name, source in sorted(_closure(module).items()):
        digest.update(f"{source_name}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()


def _closure(module: str) -> dict[str, bytes]:
    """Return the sources of a module and, transitively, of its package-local imports."""
    sources: dict[str, bytes] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        file = _file(name)
        if name in sources or file is None:
            continue
        source = file.read_bytes().replace(b"\r\n", b"\n")
        sources[name] = source
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        pending += _local_imports(ast.parse(source, file), package)
    return sources


def _local_imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules of its own top-level package that a module imports, by full name."""
    root = package.partition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (name for name in names if name.partition(".")[0] == root)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            if base.partition(".")[0] != root:
                continue  # to look for a foreign package's files would import it
            names = [f"{base}.{alias.name}" for alias in node.names]
            modules = [name for name in names if _is_module(base, name)]
            yield from modules
            if len(modules) < len(names):
                yield base


def _base(node: ast.ImportFrom, package: str) -> str:
    """Return what ``from base import ...`` names, by full name; empty where it leads nowhere."""
    try:
        return resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        return ""  # relative, and above the top of its package


def _is_module(base: str, name: str) -> bool:
    """Whether a name under a package is a module, told by its file (nothing is imported)."""
    spec = _spec(base)
    folders = [] if spec is None else spec.submodule_search_locations or []
    paths = [Path(folder) / name.rpartition(".")[2] for folder in folders]
    return any(
        path.with_suffix(".py").is_file() or (path / "__init__.py").is_file() for path in paths
    )


def _file(module: str) -> Path | None:
    """Return a module's source file; None where it has none, as a namespace package."""
    spec = _spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _spec(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except (ImportError, ValueError):
        return None
