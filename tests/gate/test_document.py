import re

import pytest

from mtbench.gate.document import ADVICE, describe, document, summary
from mtbench.gate.verdicts import CODES, Comparison, GateReport, Verdict
from mtbench.rendering import render

PASSED = Comparison(
    "a|b", "overall", "passed", 0.01, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, "identical"
)
REGRESSED = Comparison(
    "c", "sst", "regressed", 0.0, 0.512, 0.4, -0.112, -0.13, -0.09, -0.125, 0.0004
)
MISSING = Comparison("d", "overall", "missing", 0.0, reason="seed 0 is missing")


def report(*found: Comparison, strict: bool = False, mode: str = "statistical") -> GateReport:
    way = "exact" if mode == "exact" else "statistical"
    return GateReport("a study", way, strict, 0.05, found, ["environment: torch 1 then, 2 now"])


def test_a_comparison_in_a_line() -> None:
    assert describe(REGRESSED) == (
        "sst of c regressed: 0.512 -> 0.400, difference -0.112 [-0.130, -0.090], p < .001"
    )
    assert describe(MISSING) == "overall of d missing (seed 0 is missing)"


def test_the_table_has_every_comparison() -> None:
    title, _, *lines = render(document(report(PASSED, REGRESSED, MISSING))).splitlines()
    assert title == "a study: regressed"
    assert [re.split(r"  +", line.strip()) for line in (lines[0], lines[2], lines[4])] == [
        ["cell", "metric", "baseline", "now", "difference", "at least", "p", "allowed", "verdict"],
        [
            *("a|b", "overall", "0.500", "0.500", "+0.000 [+0.000, +0.000]", "+0.000", "1.000"),
            *("-0.01", "passed: identical"),
        ],
        ["d", "overall", *"-----", "0", "missing: seed 0 is missing"],
    ]
    assert "environment: torch 1 then, 2 now" in lines
    assert lines[-1] == summary(report(PASSED, REGRESSED, MISSING))


def test_the_exact_way_shows_the_seed_that_decides() -> None:
    found = Comparison("c", "sst", "regressed", 0.0, 0.5, 0.5, -2e-5, reason="seed 3 is worse")
    _, _, *lines = render(document(report(found, mode="exact"))).splitlines()
    assert "seed that decides" in lines[0]
    assert re.split(r"  +", lines[2]) == [
        *("c", "sst", "0.500", "0.500", "-2.0e-05", "0", "regressed: seed 3 is worse")
    ]
    assert "p:" not in "\n".join(lines)


def test_json_has_all_digits() -> None:
    value = document(report(REGRESSED, strict=True)).value
    assert value is not None
    found = value()
    assert {k: v for k, v in found.items() if k != "comparisons"} == {
        "matrix": "a study",
        "verdict": "regressed",
        "exit_code": 4,
        "mode": "statistical",
        "strict": True,
        "alpha": 0.05,
        "counts": {"regressed": 1},
        "remarks": ["environment: torch 1 then, 2 now"],
    }
    assert found["comparisons"] == report(REGRESSED).records()


def test_nothing_to_compare_is_said() -> None:
    _, told, *_, last = render(document(report())).splitlines()
    assert told == "no gated metric in any cell"
    assert last.startswith("a study: nothing to compare")


@pytest.mark.parametrize("verdict", CODES)
def test_the_summary_says_what_to_do(verdict: Verdict) -> None:
    line = summary(report(Comparison("c", "sst", verdict, 0.0, reason="so it is")))
    assert "\n" not in line
    assert line.startswith(f"a study: 1 {verdict}")
    assert ADVICE[verdict] in line


def test_the_summary_tells_a_few_reasons_once() -> None:
    found = [Comparison(f"{i}", "sst", "broken", 0.0, reason=f"plugin {i % 5}") for i in range(9)]
    line = summary(report(*found))
    assert "9 broken; plugin 0; plugin 1; plugin 2; and 2 more; mend" in line


@pytest.mark.parametrize(
    ("mode", "advice"), [("exact", "write a new baseline"), ("statistical", "--extend N")]
)
def test_what_is_inconclusive_has_advice_of_its_way(mode: str, advice: str) -> None:
    found = Comparison("c", "sst", "inconclusive", 0.0)
    assert advice in summary(report(found, mode=mode))
    assert "; --strict: no regression" in summary(report(found, mode=mode, strict=True))


@pytest.mark.parametrize("mode", ["exact", "statistical"])
def test_what_was_undefined_needs_a_new_baseline_and_no_seeds(mode: str) -> None:
    old = Comparison("c", "sts", "inconclusive", 0.0, reason="undefined in the baseline")
    told = "ruled out; 1 undefined in the baseline, which no seed decides: write a new one with "
    assert told in summary(report(old, mode=mode))
    assert "--extend" not in summary(report(old, mode=mode))
    other = Comparison("d", "sts", "inconclusive", 0.0, difference=0.1)
    line = summary(report(old, other, mode="statistical"))
    assert "--extend N" in line
    assert "; 1 undefined in the baseline" in line
