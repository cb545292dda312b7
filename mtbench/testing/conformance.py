"""Conformance: the checks of a component run, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from threading import enumerate as threads
from traceback import format_exc
from typing import Any, Literal, get_args

from mtbench.components.entries import Entry, described, label
from mtbench.errors import PluginError, nearest
from mtbench.system.tracebacks import show
from mtbench.testing import balancers, combiners, encoders, heads, tasks
from mtbench.testing.checks import (
    ANYTHING,
    Check,
    CheckFailed,
    NotApplicable,
    Subject,
    require,
)
from mtbench.testing.trials import seeded_globally

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

SEED = 20_011
"""Of the global generators where a check begins: one that no component seeds them with."""

GRACE = 1.0
"""Seconds in which a thread of a component's may end after a check."""

POOL = "ThreadPoolExecutor"
"""How the names of threads begin that wait for work, and end with the process."""

Status = Literal["passed", "failed", "expected failure", "not applicable", "not run"]
PLURALS = {"expected failure": "expected failures"}


@dataclass(frozen=True)
class Outcome:
    """What came of one check of one component.

    Attributes:
        message: why it failed, does not apply or was not run; empty where it passed.
        traceback: of the error that a component raised, where one did.
    """

    check: Check
    status: Status
    message: str = ""
    traceback: str = ""


class Examination:
    """The checks of one component; those that build on one that failed are not run.

    Args:
        subject: the component.
        judge: runs a check of it, in another process, say; in this one by default.

    Raises:
        PluginError: if it is expected to fail something that is no check of its kind.
    """

    def __init__(self, subject: Subject, judge: Callable[[Check], Outcome] | None = None) -> None:
        self.subject = subject
        entry = subject.entry
        self.checks = CHECKS[entry.spec.kind]
        self._judge = judge or (lambda check: outcome_of(check, subject))
        self._expected = entry.spec.expected_failures
        self._failed: Check | None = None
        names = [check.name for check in self.checks]
        for name in self._expected:
            if name not in names:
                guess = nearest(name, names)
                hint = f"; did you mean {guess!r}?" if guess else f" (known: {', '.join(names)})"
                raise PluginError(f"{label(entry)}: it expects to fail {name!r}, no check{hint}")

    def __iter__(self) -> Iterator[Outcome]:
        return map(self.outcome, self.checks)

    def outcome(self, check: Check) -> Outcome:
        """Run the next check, or say why it is not run."""
        if self._failed is not None:
            return Outcome(check, "not run", f"it builds on {self._failed.name!r}, which failed")
        outcome = self._judge(check)
        reason = self._expected.get(check.name)
        if reason is None:
            if check.basic and outcome.status == "failed":
                self._failed = check
        elif outcome.status == "failed":
            return Outcome(check, "expected failure", reason)
        elif outcome.status == "passed":
            problem = f"it passes, though a failure was expected: {reason}"
            return Outcome(check, "failed", problem)
        return outcome


def outcome_of(check: Check, subject: Subject) -> Outcome:
    """Run one check of a component, from a known state of the global generators."""
    reason = check.inapplicable(subject)
    if reason is not None:
        return Outcome(check, "not applicable", reason)
    before = threads()
    try:
        with seeded_globally(SEED):
            check.function(subject)
        _require_no_thread(before)
    except NotApplicable as error:
        return Outcome(check, "not applicable", str(error))
    except CheckFailed as failure:
        return Outcome(check, "failed", str(failure))
    except ANYTHING as error:  # whatever a stranger's component raises fails the check
        show(error)
        problem = f"expected no error; came {described(error, subject.entry)}"
        return Outcome(check, "failed", problem, format_exc())
    return Outcome(check, "passed")


def _require_no_thread(before: Sequence[Thread]) -> None:
    """Fail if a thread has come that would keep the process of a run from ending."""
    for thread in threads():
        if thread not in before and not thread.daemon and not thread.name.startswith(POOL):
            thread.join(GRACE)
            expected = "threads that are daemons, or end"
            require(not thread.is_alive(), expected, f"{thread.name!r}, which goes on")


@dataclass(frozen=True)
class Report:
    """What came of every check of a component."""

    entry: Entry
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> bool:
        """Whether a check failed that was not expected to."""
        return any(outcome.status == "failed" for outcome in self.outcomes)

    def rows(self) -> list[dict[str, str]]:
        """Return a record a check: ``check``, ``meaning``, ``outcome``, ``message``."""
        return [
            {
                "check": outcome.check.name,
                "meaning": outcome.check.meaning,
                "outcome": outcome.status,
                "message": outcome.message,
            }
            for outcome in self.outcomes
        ]

    def counts(self) -> dict[str, int]:
        """Return how many checks came to what, zeros included."""
        statuses = Counter(outcome.status for outcome in self.outcomes)
        return {status: statuses[status] for status in get_args(Status)}

    def summary(self) -> str:
        """Return the counts in one line; what is zero and no news is left out."""
        return ", ".join(
            f"{count} {PLURALS.get(status, status) if count != 1 else status}"
            for status, count in self.counts().items()
            if count or status in ("passed", "failed")
        )

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "kind": self.entry.spec.kind,
            "name": self.entry.spec.name,
            "distribution": self.entry.provider.distribution,
            "version": self.entry.provider.version,
            "counts": self.counts(),
            "checks": self.rows(),
        }
