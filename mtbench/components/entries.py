"""Entries: a component's spec and who provides it, and the way from there to its objects."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtbench.components.modules import top
from mtbench.components.plugin_files import modules_beside
from mtbench.data.layouts import LaidOutTask
from mtbench.errors import PluginError, UsageError, users_mistakes
from mtbench.protocols import Task, Tokenizer
from mtbench.specs import EncoderSpec, Spec, TaskSpec, resolve
from mtbench.system.tracebacks import is_out_of_memory, place, summary

if TYPE_CHECKING:
    from mtbench.parameters import Parameters


@dataclass(frozen=True)
class Provider:
    """Where a plugin comes from: its distribution (or file), version and module."""

    distribution: str
    version: str
    module: str


@dataclass(frozen=True)
class Entry:
    """A spec, and who provides it."""

    spec: Spec
    provider: Provider


@dataclass(frozen=True)
class Problem:
    """Something that cannot be used: the plugin, the hook it concerns (if one), the reason."""

    provider: Provider
    hook: str | None
    reason: str

    @property
    def plugin(self) -> str:
        """Who it is: the module, its distribution and the hook."""
        hook = f", {self.hook}" if self.hook else ""
        who = f"{self.provider.distribution} {self.provider.version}".rstrip()
        return f"{self.provider.module} ({who}{hook})"

    def __str__(self) -> str:
        return f"{self.plugin}: {self.reason}"


def build_parameters(entry: Entry, values: Mapping[str, Any], *, where: str) -> Parameters:
    """Return a component's parameters, defaults filled in.

    Args:
        where: the place they were given, which opens the message of an error.

    Raises:
        UsageError: if one is unknown or its value does not fit.
        PluginError: if the plugin's model cannot be used.
    """
    from mtbench.components.validation import validate

    model = parameter_model(entry)
    with calling(entry, "its parameters"), users_mistakes():
        return validate(model, values, where=where)


def parameter_model(entry: Entry) -> type[Parameters]:
    """Return the pydantic model of a component's parameters.

    Raises:
        PluginError: if what the spec names is no subclass of ``Parameters`` (of
            ``HeadParameters`` for a head).
    """
    from mtbench.parameters import HeadParameters, Parameters

    base = HeadParameters if entry.spec.kind == "head" else Parameters
    if entry.spec.parameters is None:
        return base
    model = load_target(entry, entry.spec.parameters)
    if not (isinstance(model, type) and issubclass(model, base)):
        raise PluginError(f"{label(entry)}: its parameters are no {base.__name__}: {model!r}")
    if "name" in model.model_fields:
        raise PluginError(f"{label(entry)}: a parameter cannot be called 'name'")
    return model


def build_task(entry: Entry, parameters: Parameters) -> Task:
    """Return the task of an entry, read in the layouts that its spec names.

    Raises:
        PluginError: if what the spec names cannot be imported, or raises.
    """
    task: Task = make(entry, parameters)
    assert isinstance(entry.spec, TaskSpec)
    if entry.spec.layouts is None:
        return task
    layouts = load_target(entry, entry.spec.layouts)
    with calling(entry, "its layouts"):
        return LaidOutTask(task, tuple(layouts))


def build_tokenizer(entry: Entry, parameters: Parameters) -> Tokenizer:
    """Return the tokenizer of an encoder's entry.

    Raises:
        UsageError: if it says that the checkpoint that it was given cannot be used.
        PluginError: if it cannot be imported, or raises, or what it gives is no tokenizer.
    """
    assert isinstance(entry.spec, EncoderSpec)
    target = load_target(entry, entry.spec.tokenizer)
    with calling(entry, "its tokenizer's constructor"), users_mistakes():
        tokenizer: Tokenizer = target(parameters)
        fingerprint = getattr(tokenizer, "fingerprint", None)
        if not callable(getattr(tokenizer, "encode", None)):
            raise PluginError(f"{label(entry)}: its tokenizer has no method 'encode'")
        if fingerprint is not None and not (isinstance(fingerprint, str) and fingerprint):
            raise PluginError(
                f"{label(entry)}: the fingerprint of its tokenizer is {fingerprint!r}, not a text"
            )
    return tokenizer


def load_target(entry: Entry, target: Any) -> Any:
    """Import one of the things an entry's spec names.

    Raises:
        PluginError: if it cannot be imported; the reason is the chained error.
    """
    with calling(entry):
        return resolve(target)


def make(entry: Entry, *arguments: Any) -> Any:
    """Return what an entry's target gives for these arguments.

    Raises:
        UsageError: if an encoder says that the checkpoint that it was given cannot be used.
        PluginError: if it cannot be imported, or raises.
    """
    target = load_target(entry, entry.spec.target)
    mistakes = users_mistakes() if entry.spec.kind == "encoder" else nullcontext()
    with calling(entry, "its constructor"), mistakes:
        return target(*arguments)


class calling:  # noqa: N801 - it is used as a function
    """Have whatever a stranger's code raises name the component, and its own file and line.

    A ``PluginError`` passes as it is, and so do a ``UsageError`` that is ``settled`` and memory
    that was not to be had; what is printed goes to stderr, stdout is the table's. (A plan enters
    it some times for each cell: a generator with ``redirect_stdout`` in it takes 2.6 times as
    long.)

    Args:
        what: is called, for the message; empty where it says itself what it was.

    Raises:
        PluginError: in place of the error, which is the chained one.
    """

    def __init__(self, entry: Entry, what: str = "") -> None:
        self._entry, self._what = entry, what

    def __enter__(self) -> None:
        self._stdout, sys.stdout = sys.stdout, sys.stderr

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        sys.stdout = self._stdout
        if error is None or isinstance(error, PluginError | KeyboardInterrupt):
            return
        is_mistake = isinstance(error, UsageError) and error.settled
        if not (is_mistake or is_out_of_memory(error)):
            raise PluginError(accusation(error, self._entry, what=self._what)) from error


def accusation(error: BaseException, *entries: Entry, what: str = "") -> str:
    """Say in one line which component an error came out of, and where in its own code.

    Args:
        entries: the component; several where it is one of them.
        what: was called; empty where the error says it.
    """
    said = described(error, *entries)
    who = " or ".join(map(label, entries))
    return f"{who}: {what} raised {said}" if what else f"{who}: {said}"


def described(error: BaseException, *entries: Entry) -> str:
    """Return an error in one line, with the innermost line of components' own code."""
    return located(error, {package for entry in entries for package in packages(entry)})


def located(error: BaseException, own: Collection[str]) -> str:
    """Return an error in one line, with the innermost line of some packages' code."""
    said = " ".join(str(error).split()) if isinstance(error, PluginError) else summary(error)
    where = place(error, own)
    return f"{said} ({where})" if where else said


def packages(entry: Entry) -> Iterator[str]:
    """Yield the top-level packages that a component's code lies in."""
    yield from packages_of(entry.provider)
    for target in targets(entry.spec):
        module = target if isinstance(target, str) else str(getattr(target, "__module__", ""))
        yield top(module.partition(":")[0])


def packages_of(provider: Provider) -> set[str]:
    """Return the top-level packages of a plugin: its module's, and those beside a plugin file."""
    package = top(provider.module.partition(":")[0])
    return {package, *modules_beside(package)}


def targets(spec: Spec) -> list[Any]:
    """Return what a spec names of its code, as text or as the thing itself."""
    names = ("target", "layouts", "parameters", "tokenizer", "fingerprint", "rejects", "caveat")
    named = [getattr(spec, name, None) for name in names]
    return [target for target in named if target is not None]


def label(entry: Entry) -> str:
    """Name an entry in a message: kind, name and who provides it."""
    return f"{entry.spec.kind} {entry.spec.name!r} of {entry.provider.distribution}"
