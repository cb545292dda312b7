"""Conformance: the checks of a component run, for pytest and for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mtbench.components.entries import Entry, described, label
from mtbench.components.registry import Registry
from mtbench.errors import PluginError, nearest
from mtbench.system.tracebacks import show
from mtbench.testing import balancers, combiners, encoders, heads, tasks
from mtbench.testing.checks import ANYTHING, Check, CheckFailed, Subject
from mtbench.testing.generators import seeded_globally

if TYPE_CHECKING:
    import pytest

CHECKS: Mapping[str, Sequence[Check]] = {
    checks.kind: tuple(checks.all)
    for checks in (
        tasks.check,
        encoders.check,
        heads.check,
        balancers.check,
        combiners.check,
    )
}

Status = Literal["passed", "failed", "expected failure", "not applicable"]


@dataclass(frozen=True)
class Outcome:
    """What came of one check of one component.

    Attributes:
        message: why it failed or does not apply; empty where it passed.
    """

    check: Check
    status: Status
    message: str = ""


def check_component(
    entry: Entry, *, folder: Path | None = None, **parameters: Any
) -> Iterator[Outcome]:
    """Run every check of a component, and yield what came of each.

    Args:
        folder: where the data lie that a task reads.
        parameters: laid over the spec's example.

    Raises:
        UsageError: if a parameter is not known or does not fit.
        PluginError: if the parameter model is broken, or an expected failure names no check.
    """
    subject = Subject.of(entry, folder=folder, **parameters)
    expected = expected_failures(entry)
    for check in CHECKS[entry.spec.kind]:
        yield outcome_of(check, subject, expected.get(check.name))


def expected_failures(entry: Entry) -> Mapping[str, str]:
    """Return the checks that a component is declared not to pass, with the reasons.

    Raises:
        PluginError: if one of them is no check of its kind.
    """
    names = [check.name for check in CHECKS[entry.spec.kind]]
    for name in entry.spec.expected_failures:
        if name not in names:
            guess = nearest(name, names)
            hint = f"; did you mean {guess!r}?" if guess else f" (known: {', '.join(names)})"
            raise PluginError(f"{label(entry)}: it expects to fail {name!r}, no check{hint}")
    return entry.spec.expected_failures


def outcome_of(check: Check, subject: Subject, expected: str | None = None) -> Outcome:
    """Run one check of a component.

    Args:
        expected: the reason why it is not passed, where that is declared.
    """
    reason = check.inapplicable(subject)
    if reason is not None:
        return Outcome(check, "not applicable", reason)
    try:
        _run(check, subject)
    except CheckFailed as failure:
        problem = str(failure)
    except ANYTHING as error:  # whatever a stranger's component raises fails the check
        show(error)
        problem = f"expected no error; came {described(error, subject.entry)}"
    else:
        if expected is None:
            return Outcome(check, "passed")
        return Outcome(check, "failed", f"it passes, though a failure was expected: {expected}")
    if expected is not None:
        return Outcome(check, "expected failure", expected)
    return Outcome(check, "failed", problem)


def parametrize_with_checks(
    *names: str,
    parameters: Mapping[str, Any] | None = None,
    plugins: Iterable[Path | str] = (),
    folder: Path | str | None = None,
) -> pytest.MarkDecorator:
    """Return the pytest mark that runs a test once for each check of components.

    The test takes one argument, ``check``, and calls it::

        @parametrize_with_checks("head:difference")
        def test_conformance(check):
            check()

    Checks that say nothing about a component are left out; those that its spec expects to fail
    are strict ``xfail``.

    Args:
        names: as in ``mtbench plugins show``: a name, ``distribution/name``, or either after
            ``kind:``.
        parameters: laid over the example of each spec.
        plugins: plugin files, where a component is not installed.
        folder: where the data lie that a task reads.

    Raises:
        UsageError: if a component or a parameter is not known.
        PluginError: if a plugin that is needed is broken.
    """
    import pytest

    registry = Registry.load([Path(file) for file in plugins])
    place = Path(folder) if folder is not None else None
    cases = []
    for entry in (entry for name in names for entry in registry.lookup(name)):
        subject = Subject.of(entry, folder=place, **(parameters or {}))
        expected = expected_failures(entry)
        for check in CHECKS[entry.spec.kind]:
            if check.inapplicable(subject) is not None:
                continue
            reason = expected.get(check.name)
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
            identity = f"{entry.spec.kind}:{entry.spec.name}-{check.name}"
            cases.append(pytest.param(_bound(check, subject), id=identity, marks=marks))
    return pytest.mark.parametrize("check", cases)


def _bound(check: Check, subject: Subject) -> Callable[[], None]:
    def run() -> None:
        _run(check, subject)

    return run


def _run(check: Check, subject: Subject) -> None:
    """Run a check, from a known state of the global generators, and put theirs back."""
    with seeded_globally(0):
        check.function(subject)
