from collections.abc import Sequence

import pytest

from mtbench.errors import ExitCode
from mtbench.gate.verdicts import CODES, Comparison, GateReport, Verdict


def report(*verdicts: Verdict, strict: bool = False) -> GateReport:
    found = [
        Comparison(f"cell {i}", "overall", verdict, 0.0) for i, verdict in enumerate(verdicts)
    ]
    return GateReport("a study", "statistical", strict, 0.05, found)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["passed", "passed"], ExitCode.DONE),
        (["passed", "inconclusive"], ExitCode.DONE),
        (["inconclusive", "incomparable", "passed"], ExitCode.NOTHING_TO_COMPARE),
        (["incomparable", "missing"], ExitCode.RUNS_MISSING),
        (["missing", "broken"], ExitCode.PLUGIN_BROKEN),
        (["broken", "regressed", "incomparable"], ExitCode.REGRESSION),
        ([], ExitCode.NOTHING_TO_COMPARE),
    ],
)
def test_the_gravest_verdict_gives_the_code(verdicts: Sequence[Verdict], code: ExitCode) -> None:
    found = report(*verdicts)
    assert (found.exit_code, found.failed) == (code, code != 0)


def test_strict_fails_on_what_is_inconclusive() -> None:
    assert report("inconclusive", "passed", strict=True).exit_code == ExitCode.REGRESSION
    assert report("passed", strict=True).exit_code == ExitCode.DONE
    assert report("inconclusive", "missing", strict=True).exit_code == ExitCode.RUNS_MISSING


def test_counts_begin_with_the_gravest() -> None:
    found = report("passed", "regressed", "passed").counts()
    assert list(found.items()) == [("regressed", 1), ("passed", 2)]


def test_records_are_plain() -> None:
    (record,) = report("passed").records()
    assert (record["cell"], record["verdict"], record["p"]) == ("cell 0", "passed", None)


def test_every_verdict_has_its_code() -> None:
    assert [int(code) for code in CODES.values()] == [4, 6, 3, 5, 0, 0]
