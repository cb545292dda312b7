"""Source hashes: which code a component is made of, so that editing it re-runs what used it."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

from mtbench.specs import Target


def source_hash(target: Target) -> str:
    """Return the SHA-256 of a component's module and of what it imports from its own package.

    A folder's ``__init__`` counts only where a name is taken from it, so that adding a
    component to a catalogue changes no other component's hash.
    """
    module = target.partition(":")[0] if isinstance(target, str) else target.__module__
    return _hash(module)


@cache
def _hash(module: str) -> str:
    digest = hashlib.sha256()
    for name, source in sorted(_closure(module).items()):
        digest.update(f"{name}\0{len(source)}\0".encode())
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
        root = name.partition(".")[0]
        pending += [
            found
            for found in _imports(ast.parse(source), package)
            if found.partition(".")[0] == root
        ]
    return sources


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules that a module imports, by full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names = [f"{base}.{alias.name}" for alias in node.names]
            modules = [name for name in names if _is_module(base, name)]
            yield from modules
            if len(modules) < len(names):
                yield base


def _is_module(base: str, name: str) -> bool:
    """Whether a name under a package is a module, told by its file (nothing is imported)."""
    file = _file(base)
    if file is None or file.name != "__init__.py":
        return False
    path = file.parent / name.rpartition(".")[2]
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@cache
def _file(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)
