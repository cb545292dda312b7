"""The document of the gate's report: a table, remarks, and all of it in one line."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mtbench.errors import first
from mtbench.gate.verdicts import UNDEFINED, Comparison, GateReport, Verdict
from mtbench.matrix.gating import Mode
from mtbench.rendering.document import Document, Lines, Styled, Table
from mtbench.rendering.numbers import DIGITS, number, p_value

ADVICE: Mapping[Verdict, str] = {
    "regressed": "find out what changed, or, if it is meant, write a new baseline with --update",
    "broken": "mend the plugin, or leave it out with -p no:NAME",
    "missing": "'mtbench status RUN --log' tells why a run failed",
    "incomparable": "mend what differs, or write a new baseline with --update",
    "inconclusive": "no regression is shown, nor is it ruled out",
    "passed": "",
}
"""What to do, by the gravest verdict."""

MORE: Mapping[Mode, str] = {
    "exact": "; if it is better and that is meant, write a new baseline with --update",
    "statistical": ": --extend N runs more seeds, a larger tolerance asks for less",
}
"""What to do about what is inconclusive."""


def summary(report: GateReport) -> str:
    """Return the report in one line: counts, what fails first and why, what to do."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts().items())
    advice = ADVICE[report.verdict]
    if report.verdict == "inconclusive":
        advice = (f"--strict: {advice}" if report.strict else advice) + _more(report)
    return (
        f"{report.title}: {counts or 'nothing to compare'}"
        + (f"; {_reasons(report)}" if report.verdict not in ("passed", "inconclusive") else "")
        + (f"; {advice}" if advice else "")
    )


def _more(report: GateReport) -> str:
    """Return what to do about what is inconclusive, by the reasons that there are."""
    open_questions = [c for c in report.comparisons if c.verdict == "inconclusive"]
    undefined = [c for c in open_questions if c.reason.startswith(UNDEFINED)]
    return (MORE[report.mode] if len(undefined) < len(open_questions) else "") + (
        f"; {len(undefined)} undefined in the baseline, which no seed decides: write a new one "
        "with --update, or leave the metric out of [gate]"
        if undefined
        else ""
    )


def _reasons(report: GateReport) -> str:
    grave = [c for c in report.comparisons if c.verdict == report.verdict]
    if report.verdict == "regressed":
        return first([describe(comparison) for comparison in grave])
    return first(list(dict.fromkeys(comparison.reason for comparison in grave)))


def describe(comparison: Comparison) -> str:
    """Return a comparison in one line."""
    text = f"{comparison.metric} of {comparison.cell} {comparison.verdict}"
    if comparison.difference is not None:
        text += f": {number(comparison.baseline)} -> {number(comparison.now)}"
        text += f", difference {_change(comparison)}"
    if comparison.p is not None:
        text += f", p {p_value(comparison.p)}"
    return text + (f" ({comparison.reason})" if comparison.reason else "")


def document(report: GateReport) -> Document:
    """Return the gate's report as a document: CSV and JSON have all digits."""
    rows = [_row(comparison, report) for comparison in report.comparisons]
    return Document(
        f"{report.title}: {report.verdict}",
        [
            Table("", rows, words=["verdict"], names=2),
            Lines("", [] if rows else ["no gated metric in any cell"]),
            Lines("", _remarks(report), "faint"),
            Lines("", [summary(report)]),
        ],
        report.records,
        partial(_value, report),
    )


def _value(report: GateReport) -> dict[str, Any]:
    return {
        "matrix": report.title,
        "verdict": report.verdict,
        "exit_code": int(report.exit_code),
        "mode": report.mode,
        "strict": report.strict,
        "alpha": report.alpha,
        "counts": report.counts(),
        "comparisons": report.records(),
        "remarks": list(report.remarks),
    }


def _row(comparison: Comparison, report: GateReport) -> dict[str, str | Styled]:
    row: dict[str, str | Styled] = {
        "cell": comparison.cell,
        "metric": comparison.metric,
        "baseline": number(comparison.baseline),
        "now": number(comparison.now),
    }
    if report.mode == "exact":
        row |= {"seed that decides": _change(comparison)}
    else:
        row |= {
            "difference": _change(comparison),
            "at least": number(comparison.bound, sign="+"),
            "p": p_value(comparison.p),
        }
    verdict: str = comparison.verdict
    verdict += f": {comparison.reason}" if comparison.reason else ""
    fails = comparison.verdict not in ("passed", "inconclusive")
    return {
        **row,
        "allowed": f"{-comparison.tolerance:g}" if comparison.tolerance else "0",
        "verdict": Styled(verdict, "failed" if fails else ""),
    }


def _remarks(report: GateReport) -> list[str]:
    """Return what the table's headings mean, and what was remarked."""
    if report.mode == "exact":
        meaning = "difference, now - baseline, of the seed that decides; scores are on dev"
    else:
        confidence = f"{100 * (1 - report.alpha):g} %"
        meaning = (
            "difference, now - baseline, with its 95 % interval over seeds and examples; "
            f"at least: its one-sided lower bound, {confidence}; p: one-sided, of a difference no "
            f"worse than allowed, after Holm, with alpha {report.alpha:.3g}"
        )
    return [meaning, *report.remarks]


def _change(comparison: Comparison) -> str:
    """Return a difference, with its interval where it has one; a small one keeps its digits."""
    low, change, high = comparison.low, comparison.difference, comparison.high
    if low is None or high is None:
        small = change is not None and 0 < abs(change) < 10**-DIGITS
        return f"{change:+.1e}" if small else number(change, sign="+")
    shown, lowest, highest = (number(value, sign="+") for value in (change, low, high))
    return f"{shown} [{lowest}, {highest}]"
