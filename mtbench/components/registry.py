"""The plugins that are there: name to spec, what is broken, and why."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from mtbench import hookspecs
from mtbench.components import plugin_files
from mtbench.components.blocking import Blocking
from mtbench.components.entries import Entry, Problem, Provider, located, packages_of
from mtbench.errors import MtbenchError, PluginError, UsageError, nearest, unknown
from mtbench.hookspecs import NAMESPACE
from mtbench.specs import KINDS, misfit
from mtbench.system.tracebacks import is_out_of_memory, show, summary

BY_THEMSELVES = {"torchjd": "mtl-bench-torchjd"}
"""Distributions that are installed by themselves, by the first word of what they bring."""

HOOKS: Mapping[str, str] = {f"mtbench_{kind}s": kind for kind in KINDS}
Warn = Callable[[str], None]
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Registry:
    """Every component that a matrix can name.

    Attributes:
        entries: what can be used, in the order it was found.
        blocked: the plugins that were there and were left out, because somebody said so.
    """

    def __init__(self, blocked: Collection[str] = ()) -> None:
        self.entries: list[Entry] = []
        self.blocked: list[Provider] = []
        self._blocking = Blocking(blocked)
        self._broken: list[Problem] = []
        self._modules: set[str] = set()
        self._told = False
        self._by_name: dict[tuple[str, str], list[Entry]] = {}
        self._plugins = pluggy.PluginManager(NAMESPACE)
        self._plugins.add_hookspecs(hookspecs)

    @classmethod
    def load(cls, files: Sequence[Path] = (), blocked: Collection[str] = ()) -> Registry:
        """Collect the plugins behind the entry points, then those in files.

        Args:
            blocked: names of plugins that are left out, not even imported; see ``Blocking``.

        Raises:
            UsageError: if a file is not there, cannot be a module's name, or imports one beside
                it that another module hides.
        """
        registry = cls(blocked)
        installed = [(_provider(point), point) for point in entry_points(group=NAMESPACE)]
        installed.sort(key=lambda pair: (pair[0].distribution, pair[1].name))
        for provider, point in installed:
            if registry._lets_in(provider, point.name, provider.distribution):
                registry._add(provider, point.load)
        providers = {f: Provider(f.name, "", f.stem) for f in plugin_files.distinct(files)}
        let_in = [file for file, by in providers.items() if registry._lets_in(by, file.stem)]
        for file in let_in:
            plugin_files.check_file(file)
        plugin_files.make_importable(let_in)
        for file in let_in:
            registry._add(providers[file], partial(plugin_files.import_file, file))
        return registry

    @classmethod
    def open(
        cls, files: Sequence[Path] = (), blocked: Collection[str] = (), warn: Warn | None = None
    ) -> Registry:
        """Load plugins for somebody, who is told of a file that nobody named.

        Args:
            warn: is told of each plugin that is broken; what is raised then only names it.

        Raises:
            UsageError: as for ``load``, or if a name in ``blocked`` is not that of one plugin.
        """
        plugin_files.tell(files, blocked)
        registry = cls.load(files, blocked)
        registry._blocking.check(blocked)
        if warn is not None:
            for problem in registry.problems:
                warn(f"broken plugin {problem}")
            registry._told = True
        return registry

    def _lets_in(self, provider: Provider, point: str, distribution: str = "") -> bool:
        if not self._blocking.blocks(point, distribution):
            return True
        self.blocked.append(provider)
        return False

    @property
    def problems(self) -> list[Problem]:
        """What cannot be used, with the reason; a broken plugin stops nothing else."""
        return [
            *self._broken,
            *(
                Problem(entries[-1].provider, f"mtbench_{kind}s", _conflict(entries))
                for (kind, _), entries in self._by_name.items()
                if len(entries) > 1
            ),
        ]

    def find(self, kind: str, name: str) -> Entry:
        """Return the entry of a name, or of ``distribution/name`` where two share it.

        Raises:
            UsageError: if nothing of that kind has the name.
            PluginError: if two distributions do, or none does and a plugin is broken that
                might have brought it.
        """
        distribution, slash, bare = name.rpartition("/")
        entries = self._by_name.get((kind, bare), [])
        if slash:
            entries = [entry for entry in entries if entry.provider.distribution == distribution]
        if len(entries) == 1:
            return entries[0]
        if entries:
            raise PluginError(_conflict(entries))
        raise self.missing(kind, name, self.names(kind), kinds=(kind,))

    def lookup(self, name: str) -> list[Entry]:
        """Return the entries of a name, one for each kind that has it.

        Args:
            name: a component's name, ``distribution/name``, or either after ``kind:``.

        Raises:
            UsageError: if there is no such component.
            PluginError: if there is none and a broken plugin may have brought it.
        """
        kind, colon, bare = name.partition(":")
        if colon:
            if kind not in KINDS:
                raise unknown("kind", kind, KINDS)
            return [self.find(kind, bare)]
        entries = [
            entry
            for entry in self.entries
            if name in (entry.spec.name, f"{entry.provider.distribution}/{entry.spec.name}")
        ]
        if not entries:
            names = {entry.spec.name for entry in self.entries}
            raise self.missing("component", name, names, kinds=KINDS)
        return entries

    def missing(
        self, what: str, name: str, known: Iterable[str], *, kinds: Collection[str]
    ) -> MtbenchError:
        """Return the error of a name that nothing has, which a broken plugin may have brought.

        Of ``distribution/name`` where others have that name, it tells theirs.

        Args:
            what: the kind of thing, as the message calls it.
            known: the names that are there.
            kinds: the kinds of component that it could be.
        """
        _, slash, bare = name.rpartition("/")
        addresses = [
            f"{entry.provider.distribution}/{bare}"
            for entry in self.entries
            if slash and entry.spec.name == bare and entry.spec.kind in kinds
        ]
        known = {bare, *addresses} if addresses else set(known)
        error = str(unknown(what, name, known))
        suspects = [p for p in self._broken if HOOKS.get(p.hook or "") in {None, *kinds}]
        providers = [*(e.provider for e in self.entries), *(p.provider for p in self._broken)]
        distribution = BY_THEMSELVES.get(bare.partition("-")[0])
        if self.blocked:
            error += f"; blocked with -p: {', '.join(self._blocking.used)}"
        elif distribution and all(each.distribution != distribution for each in providers):
            error += f"; 'pip install {distribution}' brings it"
        elif not suspects and nearest(name, known) is None:
            error += "; --plugin FILE takes one from a file, 'pip install -e FOLDER' a package"
        if not suspects:
            return UsageError(error)
        named = "; ".join(each.plugin if self._told else str(each) for each in suspects)
        return PluginError(f"{error}; a broken plugin may have brought it: {named}")

    def names(self, kind: str) -> list[str]:
        """Return the known names of a kind, sorted."""
        return sorted(name for of_kind, name in self._by_name if of_kind == kind)

    def _add(self, provider: Provider, load: Any) -> None:
        """Import and register one plugin; whatever is wrong with it becomes a problem.

        One that is installed and given as a file, too, is the one that is installed.
        """
        name = provider.module.replace(":", ".")
        if name in self._modules:
            return
        self._modules.add(name)
        module: Any = None
        with self._noting(provider, None):
            made = load()
            if not isinstance(made, ModuleType):
                raise TypeError(f"expected a module, got {made!r}")
            self._plugins.register(made)
            module = made
        if module is None:
            return
        for hook in _unmarked_hooks(module):
            self._note(provider, hook, "the function is not marked @hookimpl")
        for caller in self._plugins.get_hookcallers(module) or ():
            if caller.spec is None:
                guess = nearest(caller.name, HOOKS)
                hint = f"; did you mean {guess}?" if guess else ""
                self._note(provider, caller.name, f"there is no such hook{hint}")
                continue
            for implementation in caller.get_hookimpls():
                if implementation.plugin is module:
                    self._collect(provider, caller.name, implementation.function)

    @contextmanager
    def _noting(self, provider: Provider, hook: str | None) -> Iterator[None]:
        """Have what a plugin raises here become a problem; what it prints goes to stderr."""
        try:
            with redirect_stdout(sys.stderr):  # stdout is the table's
                yield
        except BaseException as error:  # a plugin's own kinds, and its exit, too
            if isinstance(error, KeyboardInterrupt) or is_out_of_memory(error):
                raise
            show(error)
            self._note(provider, hook, located(error, packages_of(provider)))

    def _collect(self, provider: Provider, hook: str, function: Any) -> None:
        """Call one hook of one plugin and take the specs that are sound."""
        specs: list[Any] = []
        with self._noting(provider, hook):
            specs = list(function())
        for spec in specs:
            try:
                reason = self._fault(provider, HOOKS[hook], spec)
            except Exception as error:  # what it holds cannot even be shown
                reason = f"a spec that cannot be read: {summary(error)}"
            if reason:
                self._note(provider, hook, reason)
                continue
            entry = Entry(spec, provider)
            self.entries.append(entry)
            self._by_name.setdefault((spec.kind, spec.name), []).append(entry)

    def _fault(self, provider: Provider, kind: str, spec: Any) -> str | None:
        expected = KINDS[kind]
        if not isinstance(spec, expected):
            return f"expected a {expected.__name__}, got {spec!r}"
        if not (isinstance(spec.name, str) and NAME.fullmatch(spec.name)):
            return f"the name {spec.name!r} is not lower-case words joined by '-'"
        if fault := misfit(spec):
            return fault
        for promise in sorted(spec.promises - set(spec.PROMISES)):
            return str(unknown("promise", promise, spec.PROMISES, where=spec.name))
        for entry in self._by_name.get((kind, spec.name), ()):
            if entry.provider.distribution == provider.distribution:
                return f"the name {spec.name!r} is given twice"
        return None

    def _note(self, provider: Provider, hook: str | None, reason: str) -> None:
        self._broken.append(Problem(provider, hook, " ".join(reason.split())))


def _conflict(entries: Sequence[Entry]) -> str:
    spec = entries[0].spec
    choices = " or ".join(repr(f"{e.provider.distribution}/{spec.name}") for e in entries)
    return f"the {spec.kind} {spec.name!r} comes from more than one plugin: write {choices}"


def _provider(point: EntryPoint) -> Provider:
    if point.dist is None:
        return Provider("(unknown)", "", point.value)
    metadata = point.dist.metadata  # which is read from its file each time
    name, version = metadata["Name"], metadata["Version"]
    return Provider(name or "(unnamed)", version or "", point.value)


def _unmarked_hooks(module: ModuleType) -> Iterator[str]:
    """Yield functions that are named like a hook of ours but that pluggy would not see."""
    for name, value in vars(module).items():
        # In this order: of the others, some may be proxies, which raise when they are asked.
        is_named_so = name.startswith("mtbench_") and callable(value)
        if is_named_so and not hasattr(value, f"{NAMESPACE}_impl"):
            yield name
