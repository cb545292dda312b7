"""Renderings of the gate's report: for a terminal, Markdown, LaTeX, CSV and JSON."""

from collections.abc import Callable, Mapping, Sequence

from mtbench.board.standings import DIGITS
from mtbench.gate.verdicts import UNDEFINED, Comparison, GateReport, Verdict
from mtbench.matrix.gating import Mode
from mtbench.rendering import markdown, spreadsheet
from mtbench.rendering import text as plain
from mtbench.rendering.escaping import json_text, visible
from mtbench.rendering.latex import tabular

TOLD = 3
"""Reasons that the last line tells; the table has all."""

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
    found = [one for one in report.comparisons if one.verdict == "inconclusive"]
    undefined = [one for one in found if one.reason.startswith(UNDEFINED)]
    return (MORE[report.mode] if len(undefined) < len(found) else "") + (
        f"; {len(undefined)} undefined in the baseline, which no seed decides: write a new one "
        "with --update, or leave the metric out of [gate]"
        if undefined
        else ""
    )


def _reasons(report: GateReport) -> str:
    grave = [one for one in report.comparisons if one.verdict == report.verdict]
    if report.verdict == "regressed":
        told = [describe(one) for one in grave]
    else:
        told = list(dict.fromkeys(one.reason for one in grave))
    more = f"; and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return "; ".join(told[:TOLD]) + more


def describe(one: Comparison) -> str:
    """Return a comparison in one line."""
    numbers = ""
    if one.difference is not None:
        numbers = f": {_number(one.baseline)} -> {_number(one.now)}, difference {_change(one)}"
    if one.p is not None:
        numbers += f", p {_p(one.p)}"
    reason = f" ({one.reason})" if one.reason else ""
    return f"{one.metric} of {one.cell} {one.verdict}{numbers}{reason}"


def as_text(report: GateReport) -> str:
    """Return the report for people: a table, remarks, one line of summary."""
    cells = _cells(report)
    table = plain.table(cells, alignment=_alignment(cells)) if cells else NO_METRIC
    remarks = [f"  {visible(remark)}" for remark in _remarks(report)]
    return "\n".join([table, "", *remarks, "", visible(summary(report))])


def as_markdown(report: GateReport) -> str:
    """Return the report as a Markdown table, with title, remarks and summary."""
    title = f"### {markdown.span(report.title)}: {report.verdict}"
    cells = _cells(report)
    table = markdown.table(cells, alignment=_alignment(cells)) if cells else NO_METRIC
    remarks = markdown.items(_remarks(report))
    return "\n\n".join([title, table, remarks, markdown.line(summary(report))])


def as_latex(report: GateReport) -> str:
    """Return the report as a LaTeX table, with the rest in comments."""
    below = [*_remarks(report), summary(report)]
    return tabular(_cells(report) or [{"cell": ""}], above=[report.title], below=below)


def as_csv(report: GateReport) -> str:
    """Return one row a comparison, all digits."""
    return spreadsheet.as_csv(report.records())


def as_json(report: GateReport) -> str:
    """Return the report as a JSON object: ``verdict``, ``exit_code``, ``comparisons`` and more."""
    value = {
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
    return json_text(value)


CHECK_FORMATS: Mapping[str, Callable[[GateReport], str]] = {
    "rich": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}


NO_METRIC = "no gated metric in any cell"
"""What stands in place of a table without rows."""
WORDS = ("cell", "metric", "verdict")
"""Headings of the columns that hold words; the others hold numbers."""


def _alignment(records: Sequence[Mapping[str, str]]) -> list[str]:
    return ["left" if name in WORDS else "right" for name in records[0]]


def _cells(report: GateReport) -> list[dict[str, str]]:
    """Return the comparisons as texts, under the headings that people read."""
    return [_row(one, report) for one in report.comparisons]


def _row(one: Comparison, report: GateReport) -> dict[str, str]:
    row = {
        "cell": one.cell,
        "metric": one.metric,
        "baseline": _number(one.baseline),
        "now": _number(one.now),
    }
    if report.mode == "exact":
        row |= {"seed that decides": _change(one)}
    else:
        row |= {
            "difference": _change(one),
            "at least": _signed(one.bound),
            "p": "-" if one.p is None else _p(one.p),
        }
    verdict = f"{one.verdict}: {one.reason}" if one.reason else one.verdict
    return {**row, "allowed": f"{-one.tolerance:g}" if one.tolerance else "0", "verdict": verdict}


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


def _change(one: Comparison) -> str:
    """Return a difference, with its interval where it has one; a small one keeps its digits."""
    if one.low is None or one.high is None:
        small = one.difference is not None and 0 < abs(one.difference) < 10**-DIGITS
        return f"{one.difference:+.1e}" if small else _signed(one.difference)
    return f"{_signed(one.difference)} [{_signed(one.low)}, {_signed(one.high)}]"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value + 0.0:+.{DIGITS}f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.{DIGITS}f}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< .001"
