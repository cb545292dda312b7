"""Marks: the checks of components as cases of a test, for pytest."""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtbench.components.registry import Registry
from mtbench.testing.checks import Check, CheckFailed
from mtbench.testing.conformance import Examination
from mtbench.testing.isolation import Isolation

if TYPE_CHECKING:
    import pytest


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

    The checks run in a process of their own. Those that a component's spec shows to say nothing
    of it are left out; where that turns out later, or a check builds on one that failed, the
    case is skipped. One that the spec expects to fail is an ``xfail``, and fails if it passes.

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

    files = tuple(Path(file).absolute() for file in plugins)
    registry, values = Registry.load(files), dict(parameters or {})
    place = Path(folder).absolute() if folder is not None else None
    cases = []
    for entry in (entry for name in names for entry in registry.lookup(name)):
        examination = _isolation(files).examine(entry, place, values)
        for check in examination.checks:
            if check.inapplicable(examination.subject) is None:
                identity = f"{entry.spec.kind}:{entry.spec.name}-{check.name}"
                cases.append(pytest.param(partial(_run, examination, check), id=identity))
    return pytest.mark.parametrize("check", cases)


@cache
def _isolation(files: tuple[Path, ...]) -> Isolation:
    """Return the process for the plugins of some files, which ends with this one."""
    isolation = Isolation(files)
    atexit.register(isolation.close)
    return isolation


def _run(examination: Examination, check: Check) -> None:
    import pytest

    outcome = examination.outcome(check)
    if outcome.status == "failed":
        raise CheckFailed(f"{outcome.message}\n\n{outcome.traceback}".strip())
    if outcome.status == "expected failure":
        pytest.xfail(outcome.message)
    if outcome.status != "passed":
        pytest.skip(outcome.message)
