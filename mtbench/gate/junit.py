"""JUnit: the gate's report in the XML that continuous integration shows, a test case a metric.

The elements and attributes are those of the schema that the JUnit plugin of Jenkins publishes,
which GitLab, Azure and others read as well.
"""

from pathlib import Path
from xml.etree import ElementTree as ET

from mtbench.gate.document import describe
from mtbench.gate.verdicts import Comparison, GateReport
from mtbench.rendering.escaping import visible
from mtbench.system.outputs import write_bytes

OPTION = "--junit"


def write_junit(file: Path, report: GateReport) -> None:
    """Write a report.

    Raises:
        UsageError: if the file cannot be written.
    """
    root = as_element(report)
    ET.indent(root)
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    write_bytes({file: text}, option=OPTION)


def as_element(report: GateReport) -> ET.Element:
    """Return ``testsuites`` with one suite.

    What regressed is a failure, and with ``--strict`` what is inconclusive, which is skipped
    otherwise; what could not be compared is an error.
    """
    cases = [_case(comparison, report) for comparison in report.comparisons]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    suite = ET.Element("testsuite", {"name": visible(report.title)})
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    suite.extend(cases)
    if report.remarks:
        ET.SubElement(suite, "system-out").text = "\n".join(map(visible, report.remarks))
    root = ET.Element("testsuites")
    root.append(suite)
    return root


def _case(comparison: Comparison, report: GateReport) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "classname": visible(f"{report.title}.{comparison.cell}"),
            "name": visible(comparison.metric),
        },
    )
    text = visible(describe(comparison))  # XML cannot hold some of what is hidden, escaped or not
    if comparison.verdict == "passed":
        ET.SubElement(case, "system-out").text = text
    elif comparison.verdict == "inconclusive" and not report.strict:
        ET.SubElement(case, "skipped", {"message": text})
    else:
        fails = comparison.verdict in ("regressed", "inconclusive")
        element = "failure" if fails else "error"
        attributes = {"message": text, "type": comparison.verdict}
        ET.SubElement(case, element, attributes).text = text
    return case
