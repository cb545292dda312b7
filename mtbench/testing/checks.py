"""Checks: what the conformance kit asks of a component, one function each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mtbench.components.entries import Entry, build_parameters, label, load_target
from mtbench.errors import Incomplete, UsageError
from mtbench.specs import TaskSpec

Function = Callable[["Subject"], None]
Excuse = Callable[["Subject"], str | None]

ANYTHING = (Exception, SystemExit)
"""What a stranger's code may raise; only an interrupt is not its own."""


class CheckFailed(AssertionError):
    """A component is not what the check expects; the message says what was expected, what came."""


class NotApplicable(Exception):
    """A check says nothing about a component; the message says why."""


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
    def of(cls, entry: Entry, *, folder: Path | None = None, **parameters: Any) -> Subject:
        """Return the subject of an entry, built with what its spec gives as an example.

        Args:
            folder: where the data lie that a task reads; relative paths among a task's
                locations are taken from there.
            parameters: laid over the example.

        Raises:
            UsageError: if a parameter is not known, does not fit, or is needed and not there.
            PluginError: if its parameter model is broken.
        """
        values = {**entry.spec.example, **parameters}
        if folder is not None and isinstance(entry.spec, TaskSpec):
            for name in entry.spec.locations & values.keys():
                values[name] = str(folder / values[name])
        try:
            return cls(entry, build_parameters(entry, values, where=label(entry)), folder)
        except Incomplete as error:
            name = error.missing[0]
            raise UsageError(
                f"{error}: give it with --param {name}=VALUE (in pytest, with "
                f"parameters={{{name!r}: VALUE}}), or name it in the spec's example"
            ) from None

    @property
    def spec(self) -> Any:
        """The component's spec, of its own kind."""
        return self.entry.spec

    def target(self) -> Any:
        """Import the class that the spec names."""
        return load_target(self.entry, self.entry.spec.target)


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
        function: raises ``CheckFailed``, or ``NotApplicable`` where that shows only as it runs;
            whatever else it raises is the component's own error.
        inapplicable: why the check says nothing about a component, told by its spec, or None.
        basic: whether all checks behind it build on what it asks.
    """

    kind: str
    name: str
    meaning: str
    function: Function
    inapplicable: Excuse
    basic: bool


class Checks:
    """The checks of one kind, in the order in which they are written down."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.all: list[Check] = []

    def __call__(
        self, meaning: str, *, inapplicable: Excuse = always, basic: bool = False
    ) -> Callable[[Function], Function]:
        """Make a check of a function, called as the function is."""

        def add(function: Function) -> Function:
            name = function.__name__.replace("_", "-")
            self.all.append(Check(self.kind, name, meaning, function, inapplicable, basic))
            return function

        return add


def unless_promised(promise: str) -> Excuse:
    """Have a check apply to the components that make a promise."""
    return lambda subject: (
        None if promise in subject.spec.promises else f"it promises no {promise!r}"
    )


def unless_rejecting(subject: Subject) -> str | None:
    """Have a check apply to the components that may reject a cell."""
    return None if subject.spec.rejects else "it rejects no cell"


def fail(expected: str, came: object) -> NoReturn:
    """Raise the failure of a check."""
    raise CheckFailed(f"expected {expected}; came {came}")


def require(condition: object, expected: str, came: object) -> None:
    """Fail unless a condition holds."""
    if not condition:
        fail(expected, came)
