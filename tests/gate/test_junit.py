from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mtbench.errors import UsageError
from mtbench.gate.junit import as_element, write_junit
from mtbench.gate.verdicts import Comparison, GateReport

FOUND = [
    Comparison("a & <b>", "overall", "passed", 0.0, 0.5, 0.5, 0, 0, 0, 0, 1, "identical"),
    Comparison("b", "overall", "regressed", 0.0, 0.5, 0.4, -0.1, -0.12, -0.08, -0.11, 0.001),
    Comparison("c", "overall", "inconclusive", 0.0, 0.5, 0.5, 0.0, -0.1, 0.1, -0.08, 0.5),
    Comparison("d", "overall", "incomparable", 0.0, reason="the data\x1b changed: sst (dev)"),
    Comparison("e", "overall", "missing", 0.0, reason="seed 0 is missing"),
]

ATTRIBUTES = {
    "testsuites": set(),
    "testsuite": {"name", "tests", "failures", "errors", "skipped"},
    "testcase": {"classname", "name"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "system-out": set(),
}
"""Those of junit-10.xsd that are used; all of a suite's and a case's are there."""


def report(*, strict: bool = False) -> GateReport:
    return GateReport("a study", "statistical", strict, 0.05, FOUND, ["environment: torch"])


def shape(root: ET.Element) -> dict[str, str]:
    """Return what each case holds."""
    return {case.attrib["classname"]: case[0].tag for case in root.iter("testcase")}


def test_a_case_a_metric(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    write_junit(file, report())
    assert file.read_text().startswith("<?xml version='1.0' encoding='utf-8'?>")

    root = ET.parse(file).getroot()

    (suite,) = root
    assert suite.attrib == {
        "name": "a study",
        "tests": "5",
        "failures": "1",
        "errors": "2",
        "skipped": "1",
    }
    assert shape(root) == {
        "a study.a & <b>": "system-out",
        "a study.b": "failure",
        "a study.c": "skipped",
        "a study.d": "error",
        "a study.e": "error",
    }
    assert suite[-1].text == "environment: torch"
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib == {
        "type": "regressed",
        "message": "overall of b regressed: 0.500 -> 0.400, difference -0.100 [-0.120, -0.080], "
        "p 0.001",
    }


def test_strict_makes_a_failure_of_what_is_inconclusive() -> None:
    root = as_element(report(strict=True))
    assert shape(root)["a study.c"] == "failure"
    assert (root[0].attrib["failures"], root[0].attrib["skipped"]) == ("2", "0")


def test_elements_and_attributes_are_those_of_the_schema() -> None:
    for strict in (False, True):
        for element in as_element(report(strict=strict)).iter():
            assert set(element.attrib) == ATTRIBUTES[element.tag]
        for case in as_element(report(strict=strict)).iter("testcase"):
            assert len(case) == 1


def test_what_no_xml_holds_is_escaped(tmp_path: Path) -> None:
    write_junit(tmp_path / "report.xml", report())
    error = ET.parse(tmp_path / "report.xml").getroot().find(".//error")
    assert error is not None
    assert "the data\\x1b changed" in error.attrib["message"]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--junit .*: cannot be written"):
        write_junit(tmp_path, report())
