"""Source hashes: which code a component is made of, so that editing it re-runs what used it."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from mtbench.components.imports import closure, counts, defining
from mtbench.components.modules import spec_of, top
from mtbench.specs import Target

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))
"""Types whose values are what they are written as."""

LOCAL = "<locals>"
"""In the name of what was made while a function ran, and holds what that had at hand."""

INSIDE = ("__func__", "__wrapped__", "func", "fget", "fset", "fdel")
"""Where methods, partials, properties and wrappers keep the functions that they are made of."""


def source_hash(target: Target) -> str:
    """Return the SHA-256 of a component: its name, its module, what that imports.

    Of what is no class or function of a module, but was made from one (``functools.partial``, a
    wrapper, a method, an instance), the values count too that it was made with. Which modules
    are followed: see ``imports.closure``. A folder's ``__init__`` counts only where a name is
    made in it, so that adding a component to a catalogue changes no other component's hash.

    Raises:
        ImportError: if a source, or what stands in its place, cannot be found.
        SyntaxError: if a source is no Python.
    """
    if isinstance(target, str):
        module, _, name = target.partition(":")
        if spec_of(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}")
        return _hash(target, defining(module, name))
    description = _Description(target)
    return _hash(description.text, description.modules)


def sources_hash(sources: Iterable[str]) -> str:
    """Return the SHA-256 of what a spec names besides its targets; see ``Spec.sources``.

    Raises:
        ImportError: if a module or a file is not there.
        SyntaxError: if a source is no Python.
    """
    if isinstance(sources, str):
        raise ImportError(f"sources: {sources!r} is a text, not a sequence of texts")
    return _hash("\0".join(_further(source) for source in sources), ())


def _further(source: str) -> str:
    module, colon, file = source.partition(":")
    spec = spec_of(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"sources: no module named {module!r} (it is MODULE, or MODULE:FILE for a file beside)"
        )
    if not colon:
        return f"{source} {_hash(source, [module])}"
    try:
        content = (Path(spec.origin).parent / file).read_bytes()
    except OSError as error:
        raise ImportError(f"sources: {source!r} cannot be read: {error.strerror}") from None
    return f"{source} {hashlib.sha256(content).hexdigest()}"


def _hash(text: str, modules: Iterable[str]) -> str:
    digest = hashlib.sha256(f"{text}\0".encode())
    for name, source in sorted(closure(modules).items()):
        digest.update(f"{name}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()


class _Description:
    """What a callable is made of, as text that is the same in every process.

    Attributes:
        text: names of classes and functions, and the values that they were joined with.
        modules: whose sources decide the rest.

    Raises:
        ImportError: if something in it is neither named nor a value.
    """

    def __init__(self, target: Callable[..., Any]) -> None:
        self.modules: set[str] = set()
        self._seen: list[object] = []
        self._innermost: Any = target
        while inside := [
            getattr(self._innermost, p) for p in INSIDE if hasattr(self._innermost, p)
        ]:
            self._innermost = inside[0]
        self.text = self._of(target)

    def _of(self, value: Any) -> str:
        """Describe a value; what was described before is named by a number."""
        if type(value) in PLAIN:
            return repr(value)
        if type(value) in (list, tuple, set, frozenset, dict):
            return f"{type(value).__name__}({', '.join(self._items(value))})"
        for number, known in enumerate(self._seen):
            if known is value:
                return f"<{number}>"
        self._seen.append(value)
        name, parts = self._parts(value)
        texts = [self._of(part) for part in parts]
        return f"{name}({', '.join(texts)})" if texts else name

    def _items(self, values: Any) -> list[str]:
        """Describe what a container holds, in an order that is the same in every process."""
        if isinstance(values, dict):
            return sorted(f"{self._of(key)}: {self._of(value)}" for key, value in values.items())
        texts = [self._of(value) for value in values]
        return sorted(texts) if isinstance(values, set | frozenset) else texts

    def _parts(self, value: Any) -> tuple[str, Iterable[Any]]:
        """Return what a value is called, and what else is to be described of it."""
        match value:
            case ModuleType():
                return self._named(value.__name__, "", value), ()
            case FunctionType():
                return self._function(value), _made_with(value)
            case type():
                return self._class(value), _brought_by(value)
            case MethodType():
                return "method", (value.__func__, value.__self__)
            case CellType():
                return "cell", _content(value)
        return "object", self._state(value)

    def _function(self, function: FunctionType) -> str:
        own = str(function.__globals__.get("__name__"))  # a wrapper has that of what it wraps
        if _of_text(function) and counts(own):
            raise ImportError(f"the source of {function!r} cannot be found: it was made of text")
        name = self._named(function.__module__, function.__qualname__, function)
        if own == function.__module__:
            return name
        return f"{name} by {self._named(own, function.__code__.co_qualname, function)}"

    def _class(self, cls: type) -> str:
        self.modules |= {base.__module__ for base in cls.__mro__ if counts(base.__module__)}
        return self._named(cls.__module__, cls.__qualname__, cls)

    def _state(self, value: Any) -> Iterator[Any]:
        """Yield what an object is copied from, and the function that it wraps, if it does."""
        if hasattr(value, "__wrapped__"):
            yield value.__wrapped__
        try:
            reduced = value.__reduce_ex__(2)
        except Exception as error:
            raise ImportError(f"the source of {value!r} cannot be found: {error}") from error
        if isinstance(reduced, str):
            yield self._named(getattr(value, "__module__", None), reduced, value)
            return
        for part in reduced:
            yield list(part) if isinstance(part, Iterator) else part

    def _named(self, module: object, name: str, value: object) -> str:
        """Return what names something in any process, and note the module if it is followed."""
        if not isinstance(module, str) or spec_of(top(module)) is None:
            raise ImportError(f"the source of {value!r} cannot be found: no module {module!r}")
        if value is self._innermost or counts(module):
            self.modules.add(module)
        return f"{module}:{name}"


def _of_text(function: FunctionType) -> bool:
    """Whether a function was made of a text, as ``exec`` does it, and is in no file."""
    return function.__code__.co_filename.startswith("<")


def _made_with(function: FunctionType) -> Iterator[Any]:
    """Yield what a function has that its module's source does not show."""
    if hasattr(function, "__wrapped__"):
        yield function.__wrapped__
    if LOCAL in function.__code__.co_qualname:
        yield from function.__closure__ or ()
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__ or {}).items()
        yield from (item for item in sorted(vars(function).items()) if not _is_pythons(item[0]))


def _brought_by(cls: type) -> Iterator[Any]:
    """Yield what a class has that its module's source does not show."""
    yield from (base for base in cls.__bases__ if _is_made(base))
    if not _is_made(cls):
        return
    for name, value in sorted(vars(cls).items()):
        functions = [getattr(value, part) for part in INSIDE if hasattr(value, part)]
        if isinstance(value, FunctionType):
            functions = [] if _of_text(value) else [value]  # a dataclass writes its own methods
        elif not functions and not _is_pythons(name):
            functions = [value]
        yield from (part for function in functions for part in (name, function))


def _is_made(cls: type) -> bool:
    """Whether a class was made while a function ran, by ``type`` say; its module has no such."""
    if LOCAL in cls.__qualname__ or not counts(cls.__module__):
        return LOCAL in cls.__qualname__
    try:
        return attrgetter(cls.__qualname__)(sys.modules[cls.__module__]) is not cls
    except (KeyError, AttributeError):
        return True


def _is_pythons(name: str) -> bool:
    """Whether Python itself keeps something in a class or function under a name."""
    return name.startswith("__") or name == "_abc_impl"


def _content(cell: CellType) -> Iterator[Any]:
    """Yield what a cell of a closure holds, which may be nothing yet."""
    try:
        yield cell.cell_contents
    except ValueError:
        return
