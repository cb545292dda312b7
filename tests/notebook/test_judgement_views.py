from xml.etree import ElementTree as ET

import pytest

from mtbench.comparison.comparison import Comparisons
from mtbench.errors import UsageError
from mtbench.gate.document import document
from mtbench.gate.verdicts import Comparison, GateReport
from mtbench.notebook.judgement_views import CheckView, ComparisonView
from mtbench.rendering import FORMS, render

NASTY = 'a <b>cell</b> & "more"'
REPORT = GateReport(
    "a <study>",
    "exact",
    strict=False,
    alpha=0.05,
    comparisons=[
        Comparison(NASTY, "overall", "regressed", 0.01, 0.75, 0.5, -0.25),
        Comparison("another", "overall", "missing", 0.01, reason="a run failed"),
    ],
)


def test_the_frame_of_a_check() -> None:
    frame = CheckView(REPORT).frame

    assert list(frame["cell"]) == [NASTY, "another"]
    assert list(frame["verdict"]) == ["regressed", "missing"]
    assert frame["difference"].tolist()[0] == -0.25
    assert frame[["baseline", "now", "difference", "p"]].iloc[1].isna().all()
    assert CheckView(GateReport("none", "exact", False, 0.05, [])).frame.empty


@pytest.mark.parametrize("form", FORMS)
def test_a_check_looks_as_on_the_command_line(form: str) -> None:
    assert CheckView(REPORT).render(form) == render(document(REPORT), form)


def test_notebooks_get_a_table() -> None:
    element = ET.fromstring(CheckView(REPORT)._repr_html_())

    assert next("".join(cell.itertext()).strip() for cell in element.iter("td")) == NASTY


@pytest.mark.parametrize(
    "view", [CheckView(REPORT), ComparisonView(Comparisons("a", "b", [], []))]
)
def test_an_unknown_format(view: CheckView) -> None:
    with pytest.raises(UsageError, match="unknown format 'markdwon'; did you mean 'markdown'"):
        view.render("markdwon")
