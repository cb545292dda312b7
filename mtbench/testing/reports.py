"""Reports: what came of a component's checks, as records and in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from mtbench.components.entries import Entry
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import Examination, Outcome, Status
from mtbench.testing.isolation import Isolation

PLURALS = {"expected failure": "expected failures"}


@dataclass(frozen=True)
class Report:
    """What came of every check of a component."""

    entry: Entry
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(
        cls,
        entry: Entry,
        isolation: Isolation,
        *,
        folder: Path | None = None,
        parameters: Mapping[str, Any],
        tell: Callable[[Outcome], object] = lambda _: None,
    ) -> Report:
        """Run the checks; what the component prints meanwhile goes to stderr.

        Args:
            isolation: the process that they run in.
            folder: where the data lie that a task reads.
            parameters: laid over the spec's example.
            tell: is called with each outcome as it comes.

        Raises:
            UsageError: if a parameter is not known, does not fit, or is needed and not there.
            PluginError: if what the spec says of its parameters or failures makes no sense.
        """
        Subject.of(entry, folder=folder, **parameters)
        outcomes = []
        judge = partial(isolation.outcome, entry, folder, parameters)
        for outcome in Examination(entry, judge):
            outcomes.append(outcome)
            tell(outcome)
        return cls(entry, tuple(outcomes))

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
