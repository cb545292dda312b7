"""Checks: what the conformance kit asks of a component, one function each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mtbench.components.entries import Entry, build_parameters, label, load_target
from mtbench.specs import TaskSpec

Function = Callable[["Subject"], None]

ANYTHING = (Exception, SystemExit)
"""What a stranger's code may raise; only an interrupt is not its own."""


class CheckFailed(AssertionError):
    """A component is not what the check expects; the message says what was expected, what came."""


@dataclass(frozen=True)
class Subject:
    """A component under test, with the parameters that it is built with.

    Attributes:
        entry: its spec, and who provides it.
        parameters: the pydantic model, defaults filled in.
        folder: where the data lie that a task reads; None where none is named.
    """

    entry: Entry
    parameters: Any
    folder: Path | None = None

    @classmethod
    def of(cls, entry: Entry, *, folder: Path | None = None, **given: Any) -> Subject:
        """Return the subject of an entry, built with what its spec gives as an example.

        Args:
            folder: where the data lie that a task reads; relative paths among a task's
                locations are taken from there.
            given: parameters laid over the example.

        Raises:
            UsageError: if a parameter is not known or does not fit.
            PluginError: if its parameter model is broken.
        """
        values = {**entry.spec.example, **given}
        if folder is not None and isinstance(entry.spec, TaskSpec):
            for name in entry.spec.locations & values.keys():
                values[name] = str(folder / values[name])
        return cls(entry, build_parameters(entry, values, where=label(entry)), folder)

    @property
    def spec(self) -> Any:
        """The component's spec, of its own kind."""
        return self.entry.spec

    def target(self) -> Any:
        """Import the class that the spec names."""
        return load_target(self.entry, self.entry.spec.target)

    def promises(self, promise: str) -> bool:
        """Whether the spec makes a promise."""
        if promise not in self.spec.PROMISES:
            raise ValueError(f"no {self.spec.kind} can promise {promise!r}")
        return promise in self.spec.promises


def always(_: Subject) -> str | None:
    """Have a check apply to every component of its kind."""
    return None


@dataclass(frozen=True)
class Check:
    """One thing that a component must do.

    Attributes:
        kind: of component.
        name: lower-case words joined by ``-``.
        meaning: one line that says what is expected.
        function: raises ``CheckFailed``; whatever else it raises is the component's own error.
        inapplicable: why the check says nothing about a component, or None.
    """

    kind: str
    name: str
    meaning: str
    function: Function
    inapplicable: Callable[[Subject], str | None] = always


class Checks:
    """The checks of one kind, in the order in which they are written down.

    Args:
        parts: checks of the kind that stand in other modules, and come first.
    """

    def __init__(self, kind: str, *parts: Checks) -> None:
        self.kind = kind
        self.all: list[Check] = [check for part in parts for check in part.all]

    def __call__(
        self, meaning: str, *, inapplicable: Callable[[Subject], str | None] = always
    ) -> Callable[[Function], Function]:
        """Make a check of a function, called as the function is."""

        def add(function: Function) -> Function:
            name = function.__name__.replace("_", "-")
            self.all.append(Check(self.kind, name, meaning, function, inapplicable))
            return function

        return add


def unless_promised(promise: str) -> Callable[[Subject], str | None]:
    """Have a check apply to the components that make a promise."""
    return lambda subject: None if subject.promises(promise) else f"it promises no {promise!r}"


def fail(expected: str, came: str) -> NoReturn:
    """Raise the failure of a check."""
    raise CheckFailed(f"expected {expected}; came {came}")


def require(condition: object, expected: str, came: object) -> None:
    """Fail unless a condition holds."""
    if not condition:
        fail(expected, str(came))
