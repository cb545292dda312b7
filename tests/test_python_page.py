"""The page on Python: its code runs, in order, and its tables are complete."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import mtbench
from mtbench.board.records import SCORES, row_records
from mtbench.board.standings import Leaderboard, Row, Score

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_code_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
        exec(compile(block, PAGE.name, "exec"), names)

    assert len(names["todo"]) == 4
    assert names["best"] in {"combiner=sum", "combiner=pcgrad"}
    assert names["per_seed"].shape == (2, 6)
    assert "what is not there or undefined is NaN" in TEXT
    for view in (names["plan"], names["board"], names["quick"], names["comparison"]):
        held = [value for column in view.to_frame() for value in view.to_frame()[column]]
        assert not any(value is None for value in held)
    out = capsys.readouterr().out
    assert out.startswith("two combiners: 2 cells, 4 runs")
    assert "unknown combiner 'pcgrat'; did you mean 'pcgrad'?" in out


def test_every_argument_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)[=`].*\|$", TEXT, re.MULTILINE)
    assert {*mtbench.Study.model_fields} - {*rows} == {"matrix"}
    for method in ("plan", "ablate", "leaderboard", "compare", "check"):
        (row,) = re.findall(rf"^\| `{method}\(.*\|$", TEXT, re.MULTILINE)
        own = [*inspect.signature(getattr(mtbench.Study, method)).parameters][1:]
        assert [name for name in own if not re.search(rf"\b{name}\b", row)] == []


def test_every_public_name_is_on_the_page() -> None:
    assert [n for n in mtbench.__all__ if f"mtbench.{n}" not in TEXT and n != "__version__"] == []


def test_every_column_of_the_scores_is_on_the_page() -> None:
    assert [name for name in SCORES if f"`{name}`" not in TEXT] == []


def test_every_column_of_the_leaderboard_is_told() -> None:
    none = Score(None, None, (), None)
    row = Row("a cell", {}, {"sst": none}, none, "missing", [], "")
    (record,) = row_records(Leaderboard("a study", {"sst": "accuracy"}, [row], {}, []))
    columns = {re.sub("^(sst|overall)(?=_)", "", name) for name in record} - {"sst"}
    told = TEXT + PAGE.with_name("leaderboard.md").read_text(encoding="utf-8")
    assert [name for name in columns if f"`{name}`" not in told] == []
