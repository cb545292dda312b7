from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.gate.annotations import MOST, on_github, workflow_commands, write_summary
from mtbench.gate.document import document
from mtbench.gate.verdicts import Comparison, GateReport, Verdict
from mtbench.rendering import render

MATRIX = Path("leaderboards/smoke/matrix.toml")


def report(*verdicts: Verdict, strict: bool = False, reason: str = "") -> GateReport:
    found = [
        Comparison(f"cell {place}", "overall", verdict, 0.0, reason=reason)
        for place, verdict in enumerate(verdicts)
    ]
    return GateReport("sums: a, b", "statistical", strict, 0.05, found)


def test_only_a_step_of_a_workflow_is_on_github() -> None:
    assert on_github({"GITHUB_ACTIONS": "true"})
    assert not on_github({})
    assert not on_github({"GITHUB_ACTIONS": "false"})


def test_a_command_by_hand() -> None:
    found = workflow_commands(report("passed", "regressed", reason="100 %\nof: a, b"), MATRIX)
    assert found == [
        "::error file=leaderboards/smoke/matrix.toml,title=mtbench check%3A sums%3A a%2C b::"
        "overall of cell 1 regressed (100 %25%0Aof: a, b)"
    ]


def test_a_folder_is_annotated_at_its_matrix(tmp_path: Path) -> None:
    (line,) = workflow_commands(report("regressed"), tmp_path)
    file = f"{tmp_path.as_posix()}/matrix.toml"
    title = "mtbench check%3A sums%3A a%2C b"
    assert line == f"::error file={file},title={title}::overall of cell 0 regressed"


@pytest.mark.parametrize("mark", [".git", "workspace", "checkout"])
def test_a_file_is_annotated_from_the_root_of_its_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """Wherever the command was called, and however the file was written."""
    study = tmp_path / "studies" / "one"
    study.mkdir(parents=True)
    file = study / "matrix.toml"
    file.touch()
    environment = {"GITHUB_WORKSPACE": str({"checkout": tmp_path.parent}.get(mark, tmp_path))}
    if mark == ".git":
        environment = {}
    if mark != "workspace":
        (tmp_path / ".git").touch()  # as a worktree has it
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    for folder, given in (
        (study, "matrix.toml"),
        (study, "."),
        (elsewhere, "../studies/one/matrix.toml"),
        (elsewhere, str(file)),
    ):
        monkeypatch.chdir(folder)
        (line,) = workflow_commands(report("regressed"), Path(given), environment)
        assert line.startswith("::error file=studies/one/matrix.toml,title=")


def test_what_is_inconclusive_warns_unless_strict() -> None:
    for strict, level in ((False, "::warning "), (True, "::error ")):
        (line,) = workflow_commands(report("inconclusive", strict=strict), MATRIX)
        assert line.startswith(level)


def test_the_gravest_come_first() -> None:
    found = workflow_commands(report("inconclusive", "incomparable", "regressed"), MATRIX)
    assert [line.split("::")[-1].split()[4] for line in found] == [
        "regressed",
        "incomparable",
        "inconclusive",
    ]


@pytest.mark.parametrize(("count", "lines"), [(0, 0), (10, 10), (11, 10), (40, 10)])
def test_there_are_at_most_ten(count: int, lines: int) -> None:
    found = workflow_commands(report("passed", *["regressed"] * count), MATRIX)
    assert len(found) == lines <= MOST
    if count > MOST:
        assert found[-1].endswith(f"::{count - 9} more are not passed; the step's summary has all")


def test_nothing_to_compare_is_an_error() -> None:
    (line,) = workflow_commands(report(), MATRIX)
    assert line.startswith("::error ")
    assert line.endswith("::nothing to compare")


def test_the_summary_is_appended(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    made = report("passed", "regressed")
    for _ in range(2):
        write_summary(made, {"GITHUB_STEP_SUMMARY": str(file)})
    assert file.read_text() == "before\n" + 2 * (render(document(made), "markdown") + "\n\n")


def test_without_a_file_for_it_there_is_no_summary() -> None:
    write_summary(report("passed"), {})


def test_a_summary_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"GITHUB_STEP_SUMMARY=.*cannot be written"):
        write_summary(report("passed"), {"GITHUB_STEP_SUMMARY": str(tmp_path)})
