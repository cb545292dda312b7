import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from mtbench.gate.rendering import ADVICE, CHECK_FORMATS, as_text, describe, summary
from mtbench.gate.verdicts import CODES, Comparison, GateReport, Verdict

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
    lines = as_text(report(PASSED, REGRESSED, MISSING)).splitlines()
    assert lines[0].split() == (
        [
            "cell",
            "metric",
            "baseline",
            "now",
            "difference",
            "at",
            "least",
            "p",
            "allowed",
            "verdict",
        ]
    )
    assert lines[2].split() == [
        "a|b",
        "overall",
        "0.500",
        "0.500",
        "+0.000",
        "[+0.000,",
        "+0.000]",
        "+0.000",
        "1.000",
        "-0.01",
        "passed:",
        "identical",
    ]
    assert lines[4].split() == (
        ["d", "overall", "-", "-", "-", "-", "-", "0", "missing:", "seed", "0", "is", "missing"]
    )
    assert "  environment: torch 1 then, 2 now" in lines
    assert lines[-1] == summary(report(PASSED, REGRESSED, MISSING))


def test_the_exact_way_shows_the_seed_that_decides() -> None:
    found = Comparison("c", "sst", "regressed", 0.0, 0.5, 0.5, -2e-5, reason="seed 3 is worse")
    lines = as_text(report(found, mode="exact")).splitlines()
    assert "seed that decides" in lines[0]
    assert lines[2].split() == [
        "c",
        "sst",
        "0.500",
        "0.500",
        "-2.0e-05",
        "0",
        "regressed:",
        "seed",
        "3",
        "is",
        "worse",
    ]
    assert "p:" not in "\n".join(lines)


def test_every_format_tells_the_verdict() -> None:
    found = report(PASSED, REGRESSED, MISSING)
    for form, render in CHECK_FORMATS.items():
        text = render(found)
        assert "regressed" in text, form
        assert "seed 0 is missing" in text, form


def test_a_bar_opens_no_column() -> None:
    assert "a\\|b" in CHECK_FORMATS["markdown"](report(PASSED))


def test_json_has_all_digits() -> None:
    found = json.loads(CHECK_FORMATS["json"](report(REGRESSED, strict=True)))
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


def test_csv_has_a_row_a_comparison() -> None:
    rows = list(csv.DictReader(io.StringIO(CHECK_FORMATS["csv"](report(PASSED, MISSING)))))
    assert [(row["cell"], row["p"]) for row in rows] == [("a|b", "1.0"), ("d", "")]


@pytest.mark.parametrize("form", CHECK_FORMATS)
def test_nothing_to_compare_is_said(form: str) -> None:
    text = CHECK_FORMATS[form](report())
    assert form == "csv" or "nothing to compare" in text or '"incomparable"' in text


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


@pytest.mark.parametrize("form", CHECK_FORMATS)
def test_a_name_is_a_name_in_every_form(
    form: str, trap: str, is_harmless: Callable[[str, str], bool]
) -> None:
    found = replace(MISSING, cell=trap, metric=trap, reason=trap)
    made = replace(report(found), title=trap, remarks=[trap])

    assert is_harmless(form, CHECK_FORMATS[form](made))
