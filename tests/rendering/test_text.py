from mtbench.rendering import text as plain


def test_a_table_is_pinned() -> None:
    rows = [{"cell\x1b": "a\nb", "n": "-0.5"}, {"cell\x1b": "1e5", "n": "0010"}]
    assert plain.table(rows, alignment=["left", "right"]).splitlines() == [
        r"cell\x1b       n",
        "----------  ----",
        r"a\nb        -0.5",
        "1e5         0010",
    ]


def test_what_is_no_text_is_written_as_one() -> None:
    assert plain.table([{"a": None, "b": 3}]).splitlines()[-1].split() == ["None", "3"]


def test_a_wide_column_goes_on_in_the_next_line() -> None:
    lines = plain.table([{"a": "one two three", "b": "-"}], widest=7).splitlines()
    assert [line.rstrip() for line in lines[2:]] == ["one two  -", "three"]
