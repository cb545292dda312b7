from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mtbench.board.costs import Cost
from mtbench.board.document import document
from mtbench.board.effects import Effect
from mtbench.board.references import Difference
from mtbench.board.standings import Leaderboard, Row, Score
from mtbench.evidence.statistics import Interval
from mtbench.rendering import render
from mtbench.rendering.document import Lines, Styled, Table


def interval(estimate: float = 0.5, error: float = 0.01, seeds: int = 2) -> Interval:
    return Interval(estimate, error, 1e9, seeds, 40)


SCORE = Score(0.5, 0.1, [0.4, 0.6], None, interval=interval())
ROW = Row("one", {}, {"a": SCORE}, SCORE, "done", [], "")


def board(*rows: Row, metrics: Mapping[str, str] | None = None, **given: Any) -> Leaderboard:
    return Leaderboard("t", metrics or {"a": "accuracy"}, rows, {}, [], **given)


def tables(made: Leaderboard) -> list[Table]:
    """Return the tables that are not empty, what stands out in them as its text."""
    return [
        replace(part, records=[{k: str(v) for k, v in record.items()} for record in part.records])
        for part in document(made).shown
        if isinstance(part, Table)
    ]


def notes(made: Leaderboard) -> Sequence[object]:
    """Return the lines below the scores."""
    return next(part for part in document(made).shown if isinstance(part, Lines)).lines


def scores(*rows: Row) -> Sequence[Mapping[str, object]]:
    """Return the records of the first table."""
    return tables(board(*rows))[0].records


def test_a_table_says_no_more_than_there_is() -> None:
    made = board(ROW, replace(ROW, name="two"), notes=["a note"])

    (table,) = tables(made)
    assert (table.title, table.alignment) == ("", ["left", "right", "right"])
    assert notes(made) == ["a note"]
    assert table.records == [
        {"cell": name, "a accuracy ↑": "0.500 ± 0.020", "overall ↑": "0.500 ± 0.020"}
        for name in ("one", "two")
    ]


def test_a_column_comes_with_the_first_cell_that_has_it() -> None:
    apart = Difference("one", interval(0.0, 0.001), 0.04)
    gain = Interval(-3.25, 1.0, 1e9, 2, 40)
    first, second = scores(
        ROW, replace(ROW, name="two", ranks=(1, 3), difference=apart, delta_m=gain)
    )

    assert list(first)[3:] == ["rank", "difference", "delta-m %"]
    assert list(first.values())[3:] == ["-", "-", "-"]
    assert list(second.values())[3:] == ["1-3", "+0.000 ± 0.002*", "-3.2 ± 2.0"]


@pytest.mark.parametrize(("p", "text"), [(0.04, "*"), (0.051, ""), (None, "")])
def test_a_difference_is_marked_where_it_is_told_apart(p: float | None, text: str) -> None:
    (record,) = scores(replace(ROW, difference=Difference("x", interval(-0.1), p)))

    assert record["difference"] == f"-0.100 ± 0.020{text}"


def test_what_is_compared_with_stands_in_a_column_where_a_note_cannot_say_it() -> None:
    def compared(*against: str) -> bool:
        rows = [
            replace(ROW, name=f"c{i}", difference=Difference(name, None, None) if name else None)
            for i, name in enumerate(against)
        ]
        return "compared with" in scores(*rows)[0]

    assert not compared("", "c0", "c0")  # one reference
    assert not compared("", "c0", "c1")  # a ladder
    assert compared("", "c0", "c1", "c1")


def test_marks() -> None:
    single = Score(0.5, None, [0.5], None, untrained=True, interval=interval(seeds=1))
    undefined = Score(None, None, [None, 0.3], None)
    alone = Score(0.25, None, [0.25], None)
    nothing = Score(None, None, [], None)

    found = [
        record["a accuracy ↑"]
        for record in scores(
            *(replace(ROW, scores={"a": score}) for score in (single, undefined, alone, nothing)),
            replace(ROW, scores={}),
        )
    ]

    assert found == ["0.500 ± 0.020†‡", "undefined", "0.250", "-", "-"]


def test_a_table_of_one_seed_marks_no_row_for_it() -> None:
    single = Score(0.5, None, [0.5], None, interval=interval(seeds=1))

    (record,) = scores(replace(ROW, scores={"a": single}, overall=single))

    assert record["a accuracy ↑"] == "0.500 ± 0.020"


def test_an_overall_of_fewer_tasks_is_marked() -> None:
    whole = replace(ROW, scores={"a": SCORE, "b": SCORE})
    nothing = replace(ROW, overall=Score(None, None, [], None))
    metrics = {"a": "accuracy", "b": "accuracy"}

    records = tables(board(whole, ROW, nothing, metrics=metrics))[0].records

    assert [r["overall ↑"] for r in records] == ["0.500 ± 0.020", "0.500 ± 0.020‖", "-"]


def test_seeds_and_status_stand_where_rows_differ() -> None:
    partial = replace(ROW, overall=replace(SCORE, seeds=[0.5]), status="partial")
    missing = replace(ROW, overall=Score(None, None, [], None), status="missing")
    failed = replace(ROW, status="failed", reason="nan")

    assert [[*r.values()][-2:] for r in scores(ROW, partial)] == [["2", "done"], ["1", "partial"]]
    assert [[*r][3:] for r in scores(ROW, missing)] == [["status"]] * 2
    assert [[*r.values()][-1] for r in scores(ROW, failed)] == ["done", "failed"]
    assert notes(board(ROW, failed)) == ["failed: one: nan"]


def test_on_a_gpu_its_memory_counts() -> None:
    cost = Cost(1234.0, {"a": 10.0, "b": 0.0}, 1.25, 900.0, None)
    rows = [replace(ROW, cost=cost), replace(ROW, cost=replace(cost, peak_device_mb=2048.0))]

    on_cpu, mixed = (
        tables(board(*chosen, metrics={"a": "accuracy", "b": "pearson"}))[1].records
        for chosen in (rows[:1], rows)
    )

    assert on_cpu == [
        {
            "cell": "one",
            "gap": "-",
            "steps": "1,234",
            "a examples": "10",
            "b examples": "0",
            "minutes": "1.2",
            "peak MB": "900",
        }
    ]
    assert [record["GPU peak MB"] for record in mixed] == ["-", "2,048"]


def test_published_scores_have_a_table_where_there_are_any() -> None:
    assert [table.title for table in tables(board(ROW))] == [""]
    published = replace(ROW, overall=replace(SCORE, paper=0.254))

    assert tables(board(published))[1].records == [
        {"cell": "one", "a accuracy ↑": "-", "overall ↑": "0.254"}
    ]


def test_what_failed_and_what_was_not_trained_stand_out() -> None:
    untrained = replace(SCORE, untrained=True)
    (table, *_) = document(board(replace(ROW, status="failed", scores={"a": untrained}))).shown

    assert isinstance(table, Table)
    assert [table.records[0][name] for name in ("status", "a accuracy ↑")] == [
        Styled("failed", "failed"),
        Styled("0.500 ± 0.020†", "faint"),
    ]


def test_the_markdown_of_a_study_is_pinned() -> None:
    """As it stands in the READMEs of studies."""
    cost = Cost(1068.0, {"a": 8544.0}, 0.75, 658.2, None)
    first = replace(ROW, name="plain", ranks=(2, 2), cost=cost, overall=replace(SCORE, paper=0.25))
    apart = Difference("plain", interval(0.1375), 0.0001)
    second = replace(ROW, name="a | pipe", ranks=(1, 1), difference=apart)
    made = board(
        first,
        second,
        notes=["±: half of the 95% interval"],
        effects=[
            Effect("combiner", "sum", 0.25, None, None, 1, 2),
            Effect("combiner", "pcgrad", 0.375, interval(0.125), 0.0002, 1, 2),
        ],
    )

    assert render(document(replace(made, remarks=["odd"])), "markdown").splitlines() == [
        "### t",
        "",
        "| cell      |   a accuracy ↑ |     overall ↑ |   rank |      difference |",
        "|:----------|---------------:|--------------:|-------:|----------------:|",
        "| plain     |  0.500 ± 0.020 | 0.500 ± 0.020 |      2 |               - |",
        r"| a \| pipe |  0.500 ± 0.020 | 0.500 ± 0.020 |      1 | +0.138 ± 0.020* |",
        "",
        "- ±: half of the 95% interval",
        "",
        "#### Cost, and the gap between train and dev",
        "",
        "| cell      |   gap |   steps |   a examples |   minutes |   peak MB |",
        "|:----------|------:|--------:|-------------:|----------:|----------:|",
        "| plain     |     - |   1,068 |        8,544 |       0.8 |       658 |",
        r"| a \| pipe |     - |       - |            - |         - |         - |",
        "",
        "- gap: primary metric on a sample of train minus that on dev, mean over the tasks; all "
        "are means over a cell's runs",
        "",
        "#### Main effect of combiner on the overall",
        "",
        "| level   |   overall ↑ |      difference |      p |   matched cells |",
        "|:--------|------------:|----------------:|-------:|----------------:|",
        "| sum     |       0.250 |               - |      - |          1 of 2 |",
        "| pcgrad  |       0.375 | +0.125 ± 0.020* | < .001 |          1 of 2 |",
        "",
        "- difference: to the axis's first level, over the cells that have a partner there "
        "with the same levels on all other axes (* p < 0.05, Holm over all axes)",
        "",
        "#### As published",
        "",
        "| cell      |   a accuracy ↑ |   overall ↑ |",
        "|:----------|---------------:|------------:|",
        "| plain     |              - |       0.250 |",
        r"| a \| pipe |              - |           - |",
        "",
        "#### Remarks",
        "",
        "- odd",
    ]
