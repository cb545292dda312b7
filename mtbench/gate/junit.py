"""JUnit: the gate's report in the XML that continuous integration shows, a test case a metric.

The elements and attributes are those of the schema that the JUnit plugin of Jenkins publishes,
which GitLab, Azure and others read as well.
"""

import re
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from mtbench.errors import UsageError
from mtbench.gate.rendering import describe
from mtbench.gate.verdicts import Comparison, GateReport
from mtbench.store import renamed

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, escaped or not."""


def check_writable(file: Path) -> None:
    """Make the folder of a report, and make sure that one can be written there.

    Raises:
        UsageError: if not.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise UsageError(f"--junit {file}: cannot be written: {error}") from None


def write_junit(file: Path, report: GateReport) -> None:
    """Write a report.

    Raises:
        UsageError: if the file cannot be written.
    """
    root = ET.ElementTree(as_element(report))
    ET.indent(root)
    try:
        with renamed(file) as temporary:
            root.write(temporary, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"--junit {file}: cannot be written: {error}") from None


def as_element(report: GateReport) -> ET.Element:
    """Return ``testsuites`` with one suite.

    What regressed is a failure, and with ``--strict`` what is inconclusive, which is skipped
    otherwise; what could not be compared is an error.
    """
    cases = [_case(one, report) for one in report.comparisons]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    suite = ET.Element("testsuite", {"name": _clean(report.title)})
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    suite.extend(cases)
    if report.remarks:
        ET.SubElement(suite, "system-out").text = _clean("\n".join(report.remarks))
    root = ET.Element("testsuites")
    root.append(suite)
    return root


def _case(one: Comparison, report: GateReport) -> ET.Element:
    case = ET.Element(
        "testcase", {"classname": _clean(f"{report.title}.{one.cell}"), "name": _clean(one.metric)}
    )
    text = _clean(describe(one))
    if one.verdict == "passed":
        ET.SubElement(case, "system-out").text = text
    elif one.verdict == "inconclusive" and not report.strict:
        ET.SubElement(case, "skipped", {"message": text})
    else:
        fails = one.verdict in ("regressed", "inconclusive")
        element = "failure" if fails else "error"
        found = {"message": text, "type": one.verdict}
        ET.SubElement(case, element, found).text = text
    return case


def _clean(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)
