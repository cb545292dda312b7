"""Annotations: the gate's report where a workflow of GitHub Actions shows it."""

import os
from collections.abc import Mapping
from pathlib import Path

from mtbench.errors import UsageError
from mtbench.gate.document import describe, document
from mtbench.gate.verdicts import CODES, Comparison, GateReport
from mtbench.matrix.locations import file_of
from mtbench.rendering import markdown
from mtbench.rendering.escaping import visible

MOST = 10
"""Annotations of a step and level that GitHub shows; there are no more in all."""


def on_github(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is a step of a workflow."""
    return environment.get("GITHUB_ACTIONS") == "true"


def workflow_commands(
    report: GateReport, file: Path, environment: Mapping[str, str] = os.environ
) -> list[str]:
    """Return the lines that annotate a file, at most ``MOST``, the gravest first.

    What fails the gate is an error, what is inconclusive a warning otherwise.

    Args:
        file: what the annotations are on: the matrix, its file or the folder of that.
    """
    file = _in_repository(file_of(file), environment)
    order = list(CODES)
    open_ones = [comparison for comparison in report.comparisons if comparison.verdict != "passed"]
    open_ones.sort(key=lambda comparison: order.index(comparison.verdict))
    shown = open_ones if len(open_ones) <= MOST else open_ones[: MOST - 1]
    lines = [_command(report, comparison, file) for comparison in shown]
    if len(shown) < len(open_ones):
        more = f"{len(open_ones) - len(shown)} more are not passed; the step's summary has all"
        lines.append(f"::{_level(report, open_ones[-1])}{_properties(report, file)}::{more}")
    if not report.comparisons:
        lines.append(f"::error{_properties(report, file)}::nothing to compare")
    return lines


def write_summary(report: GateReport, environment: Mapping[str, str] = os.environ) -> None:
    """Append the report to the step's summary, where there is one.

    Raises:
        UsageError: if it cannot be written.
    """
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(markdown.render(document(report)) + "\n\n")
    except OSError as error:
        raise UsageError(f"GITHUB_STEP_SUMMARY={name}: cannot be written: {error}") from None


def _in_repository(file: Path, environment: Mapping[str, str]) -> Path:
    """Return a file as GitHub looks for it: from the root of the repository that it lies in."""
    place = file.resolve()
    roots = [folder for folder in place.parents if (folder / ".git").exists()]
    if workspace := environment.get("GITHUB_WORKSPACE"):
        roots.append(Path(workspace).resolve())
    return next((place.relative_to(root) for root in roots if place.is_relative_to(root)), file)


def _command(report: GateReport, comparison: Comparison, file: Path) -> str:
    return (
        f"::{_level(report, comparison)}{_properties(report, file)}::{_data(describe(comparison))}"
    )


def _level(report: GateReport, comparison: Comparison) -> str:
    return "warning" if comparison.verdict == "inconclusive" and not report.strict else "error"


def _properties(report: GateReport, file: Path) -> str:
    pairs = {"file": file.as_posix(), "title": f"mtbench check: {report.title}"}
    return " " + ",".join(f"{name}={_property(value)}" for name, value in pairs.items())


def _data(text: str) -> str:
    """Escape a message, of which a line break would end the command."""
    return "%0A".join(map(visible, text.replace("%", "%25").split("\n")))


def _property(text: str) -> str:
    """Escape a property, which a colon or a comma would end as well."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
