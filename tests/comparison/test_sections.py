import pytest

from mtbench.comparison.sections import Section

TABLE = [{"task": "a|b", "p": "0.5", "remark": "none"}, {"task": "c", "p": "-", "remark": "x"}]


def test_a_terminal_gets_heading_table_and_lines() -> None:
    shown = Section("scores", TABLE, ["one\ntwo"], numbers=True).text().splitlines()
    assert shown[0] == "scores"
    assert shown[1].split() == ["task", "p", "remark"]
    assert shown[3].split() == ["a|b", "0.5", "none"]
    assert shown[-2:] == ["  one", "      two"]


def test_markdown_escapes_bars_and_nests_what_goes_on() -> None:
    shown = Section("scores", TABLE, ["one\ntwo"], numbers=True).markdown()
    assert shown.startswith("**scores**\n\n| task")
    assert "a\\|b" in shown
    assert ":-----" in shown
    assert "-:|" in shown  # numbers to the right
    assert shown.endswith("\n\n- one\n  - two")


def test_latex_has_the_rest_in_comments() -> None:
    shown = Section("scores", TABLE, ["one\ntwo"]).latex().splitlines()
    assert shown[0] == "% scores"
    assert shown[1] == r"\begin{tabular}{lll}"
    assert shown[-2:] == ["% one", "% two"]


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_a_section_without_a_table_has_none(form: str) -> None:
    shown = getattr(Section("environment", lines=["no difference"]), form)()
    assert "environment" in shown
    assert "no difference" in shown
    assert "tabular" not in shown
