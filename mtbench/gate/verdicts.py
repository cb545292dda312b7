"""Verdicts: what the gate found of each metric of each cell, and what that makes of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mtbench.errors import ExitCode
from mtbench.matrix.gating import Mode

Verdict = Literal["regressed", "broken", "missing", "incomparable", "inconclusive", "passed"]

CODES: Mapping[Verdict, ExitCode] = {
    "regressed": ExitCode.REGRESSION,
    "broken": ExitCode.PLUGIN_BROKEN,
    "missing": ExitCode.RUNS_MISSING,
    "incomparable": ExitCode.NOTHING_TO_COMPARE,
    "inconclusive": ExitCode.DONE,
    "passed": ExitCode.DONE,
}
"""What the command answers to each verdict; of several, to the first in this order."""


UNDEFINED = "undefined in the baseline"
"""Begins the reason of a verdict that no number of seeds will change."""


@dataclass(frozen=True)
class Comparison:
    """A gated metric of a cell, now and in the baseline.

    Attributes:
        baseline, now: means over seeds; None where undefined or not measured.
        difference: now - baseline. In the exact way it is that of the seed that decides.
        low, high: two-sided 95 % interval of the difference; None in the exact way.
        bound: one-sided lower bound of the difference, at the confidence 1 - alpha.
        p: one-sided, adjusted by Holm's procedure.
        tolerance: how far below the baseline is no regression.
        reason: of the verdict, where the numbers do not say it; empty otherwise.
    """

    cell: str
    metric: str
    verdict: Verdict
    tolerance: float
    baseline: float | None = None
    now: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    p: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class GateReport:
    """What the gate found.

    Attributes:
        title: of the matrix.
        strict: whether what is inconclusive fails.
        alpha: share of false alarms, of the whole family, at each look.
        comparisons: the baseline's cells in its order, then those that are not in it.
        remarks: what a reader must know beside the numbers.
    """

    title: str
    mode: Mode
    strict: bool
    alpha: float
    comparisons: Sequence[Comparison]
    remarks: Sequence[str] = ()

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict; ``"incomparable"`` where nothing was compared."""
        return next(iter(self.counts()), "incomparable")

    @property
    def failed(self) -> bool:
        """Whether the gate is closed."""
        return self.exit_code != ExitCode.DONE

    @property
    def exit_code(self) -> ExitCode:
        """What ``mtbench check`` answers."""
        if self.strict and self.verdict == "inconclusive":
            return ExitCode.REGRESSION
        return CODES[self.verdict]

    def counts(self) -> dict[Verdict, int]:
        """Count the comparisons by their verdict, the gravest first."""
        counted = Counter(comparison.verdict for comparison in self.comparisons)
        return {verdict: counted[verdict] for verdict in CODES if counted[verdict]}

    def records(self) -> list[dict[str, Any]]:
        """Return the comparisons as plain records."""
        return [asdict(comparison) for comparison in self.comparisons]
