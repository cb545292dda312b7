"""The studies in ``leaderboards/``: each is whole, and its README says what its baseline says."""

import re
from datetime import date
from pathlib import Path

import pytest

from mtbench.board.readme import BEGIN, END
from mtbench.evidence.outcomes import OVERALL, difference
from mtbench.evidence.statistics import Interval
from mtbench.gate.baseline import Baseline
from mtbench.gate.baseline_files import read
from mtbench.matrix.file import cells, read_matrix

ROOT = Path(__file__).resolve().parents[1]
STUDIES = sorted(file.parent for file in (ROOT / "leaderboards").glob("*/matrix.toml"))
MARKS = re.compile("[*†‡‖]")

Table = dict[str, dict[str, str]]


@pytest.fixture(params=STUDIES, ids=lambda study: study.name)
def study(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


def rendered(study: Path) -> Table:
    """Return the first table between the markers of a README: the columns of each cell."""
    text = (study / "README.md").read_text(encoding="utf-8")
    block = text.partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in block.partition("####")[0].splitlines() if line.startswith("|")]
    header, _, *rows = ([part.strip() for part in line.strip("|").split("|")] for line in lines)
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def shown(interval: Interval | None) -> str:
    assert interval is not None
    half = interval.high - interval.estimate
    return f"{interval.estimate:.3f} ± {half:.3f}"


def column(table: Table, cell: str, what: str) -> str:
    """Return a cell's entry in the column of a task or of the overall, without marks."""
    (text,) = (v for k, v in table[cell].items() if k.split()[0] == what)
    return MARKS.sub("", text).strip()


def test_it_has_its_files(study: Path) -> None:
    expected = {"matrix.toml", "baseline.json", "baseline.npz", "README.md"}
    assert {file.name for file in study.iterdir()} == expected


def test_the_studies_of_the_paper_are_there() -> None:
    names = {study.name for study in STUDIES}
    assert names >= {"smoke", "paper", "search", "single-task", "heads-x-combiners", "cfimdb"}


def test_its_baseline_is_of_its_matrix(study: Path) -> None:
    matrix, baseline = read_matrix(study), read(study)

    assert baseline.title == matrix.title
    if matrix.design != "staged":  # the later cells of a search depend on scores
        assert list(baseline.cells) == [cell.name for cell in cells(matrix)]
    seeds = range(matrix.seeds) if isinstance(matrix.seeds, int) else matrix.seeds
    assert {tuple(cell.outcomes.seeds) for cell in baseline.cells.values()} == {tuple(seeds)}


def test_its_readme_has_the_scores_of_its_baseline(study: Path) -> None:
    baseline, table = read(study), rendered(study)

    assert list(table) == list(baseline.cells)
    for name, cell in baseline.cells.items():
        for what in [*cell.outcomes.tasks, OVERALL]:
            assert column(table, name, what) == shown(cell.outcomes.interval(what)), (name, what)


def test_its_readme_has_the_differences_of_its_baseline(study: Path) -> None:
    baseline, table = read(study), rendered(study)
    compared = [
        cell
        for cell in cells(read_matrix(study))
        if cell.against and table[cell.name]["difference"] != "-"
    ]

    for cell in compared:
        one, other = (baseline.cells[name].outcomes for name in (cell.name, cell.against))
        found = difference(one, other)
        assert column(table, cell.name, "difference").lstrip("+-") == shown(found).lstrip("-")


def test_its_readme_tells_how_it_was_made(study: Path) -> None:
    baseline: Baseline = read(study)
    text = (study / "README.md").read_text(encoding="utf-8")

    assert f"$ mtbench ablate leaderboards/{study.name}" in text
    assert f"$ mtbench check leaderboards/{study.name}" in text
    made = date.fromisoformat(max(re.findall(r"\d{4}-\d\d-\d\d", text)))
    # The files are written by UTC, the README by hand.
    assert abs((made - date.fromisoformat(baseline.date)).days) <= 1
    assert f"torch {baseline.environment['torch'].partition('+')[0]}" in text
