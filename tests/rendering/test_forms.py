import csv
import io
import json
import re
from collections.abc import Mapping
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from mtbench.errors import UsageError
from mtbench.rendering import FORMS, render
from mtbench.rendering.document import Document, Lines, Styled, Table
from mtbench.rendering.escaping import visible

RECORD = {"cell": "a|b", "n": 1 / 3, "why": None}
DOCUMENT = Document(
    "a study",
    [
        Lines("", ["3 runs"]),
        Table(
            "",
            [
                {"cell": "a|b", "n": "-0.5 ± 0.1", "state": Styled("failed", "failed")},
                {"cell": "<i>", "n": "-", "state": "1e-3"},
            ],
            words=["state"],
        ),
        Lines("", ["a note"], "faint"),
        Table("nothing", []),
        Lines("Remarks", [("100 % of it", "a sentence", "- another"), "the rest"]),
        Lines("nothing", []),
    ],
    lambda: [RECORD, {**RECORD, "cell": "=1"}],
    lambda: {"matrix": "a study", "n": 1 / 3},
)

PINNED = {
    "text": """\
a study
3 runs

cell           n  state
----  ----------  ------
a|b   -0.5 ± 0.1  failed
<i>            -  1e-3
a note

Remarks
  100 % of it
      a sentence
      - another
  the rest""",
    "markdown": r"""
### a study

- 3 runs

| cell      |          n | state   |
|:----------|-----------:|:--------|
| a\|b      | -0.5 ± 0.1 | failed  |
| &lt;i&gt; |          - | 1e-3    |

- a note

#### Remarks

- 100 % of it
  - a sentence
  - \- another
- the rest"""[1:],
    "latex": r"""
% a study
% 3 runs

\begin{tabular}{lrl}
\toprule
 cell   &          n & state   \\
\midrule
 a\textbar{}b    & $-$0.5 $\pm$ 0.1 & failed  \\
 \ensuremath{<}i\ensuremath{>}    &          - & 1e-3    \\
\bottomrule
\end{tabular}
% a note
% Remarks
% 100 % of it
% a sentence
% - another
% the rest"""[1:],
    "html": """\
<div><p><strong>a study</strong></p>
<ul><li>3 runs</li></ul>
<table>
<thead>
<tr><th>cell  </th><th style="text-align: right;">         n</th><th>state  </th></tr>
</thead>
<tbody>
<tr><td>a|b   </td><td style="text-align: right;">-0.5 ± 0.1</td><td>failed </td></tr>
<tr><td>&lt;i&gt;   </td><td style="text-align: right;">         -</td><td>1e-3   </td></tr>
</tbody>
</table>
<ul><li>a note</li></ul>
<p><strong>Remarks</strong></p>
<ul><li>100 % of it<ul><li>a sentence</li><li>- another</li></ul></li><li>the rest</li></ul></div>\
""",
    "csv": "cell,n,why\na|b,0.3333333333333333,\n'=1,0.3333333333333333,",
    "json": '{\n  "matrix": "a study",\n  "n": 0.3333333333333333\n}',
}


@pytest.mark.parametrize("form", FORMS)
def test_a_document_is_pinned_in_every_form(form: str) -> None:
    assert render(DOCUMENT, form) == PINNED[form]


def test_an_unknown_form_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^unknown format 'markdwon'; did you mean 'markdown'\?"):
        render(DOCUMENT, "markdwon")


@pytest.mark.parametrize("form", FORMS)
def test_what_holds_nothing_is_nothing(form: str) -> None:
    expected = {"html": "<div></div>", "json": "[]"}
    assert render(Document("", [Table("t", []), Lines("l", [])]), form) == expected.get(form, "")


# --- names that would act ---------------------------------------------------------------------

HARMLESS = [
    "combiner=sum, heads.sts=linear{pair=joined}",
    "+0.186 ± 0.028* (* p < 0.05, Holm)",
    "< .001",
    "loss_weight of a_b_c, 3 -> 4, a & b",
    "[gate] is not what it was",
    "-k: 0.5 [+0.1, +0.2]",
]
NASTY = [
    "=<b>x</b>\x1b[31m\n\u202e | *y* &",
    "<img src=x onerror=alert(1)>",
    "<!-- /mtbench:leaderboard -->",
    "a<script>b",
    "&lt;b&gt; &amp; &#60;",
    "*one* **two** _three_ __four__ `five` ~~six~~",
    "[text](https://example.com) ![image](x.png) [a][b] [a[b]](c)",
    "[name]: https://example.com",
    "a | b \\| c \\\\| d",
    r"\*not\* \<b>",
    "two\nlines\r\nand <b>more</b>",
    "\x1b[31mred \u202e",
    "# heading",
    "> quote",
    ">quote",
    "- item",
    "+ item",
    "* item",
    "1. first",
    "12) twelfth",
    "---",
    "***",
    "===",
    "```",
    "~~~",
    "    indented",
    "<https://example.com>",
]


def everywhere(text: str) -> Document:
    """Return a document that has a text at every place."""
    return Document(
        f"t{text}",
        [
            Table(f"u{text}", [{"c": text, f"n{text}": Styled(text, "faint")}]),
            Lines(f"v{text}", [text, (text, text)]),
        ],
        lambda: [{"c": text, f"n{text}": text}],
        lambda: {text: [text]},
    )


def read_html(html: str) -> list[str]:
    """Return the texts of a document, in order; what is not well-formed cannot be read."""
    return [text.strip() for text in ET.fromstring(html).itertext() if text.strip()]


def read_markdown(markdown: str) -> list[str]:
    """Return the texts that GitHub's Markdown makes of a document, in order."""
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    assert set(re.findall(r"<(\w+)", html)) <= {
        *("h3", "h4", "ul", "li", "table", "thead", "tbody", "tr", "th", "td")
    }
    texts = [unescape(text).strip() for text in re.split(r"<[^>]*>", html)]
    return [text for text in texts if text]


def shown(text: str) -> list[str]:
    """Return what people read of ``everywhere``, in order."""
    seen = visible(text)
    texts = [f"t{seen}", f"u{seen}", "c", f"n{seen}", seen, seen, f"v{seen}", seen, seen, seen]
    return [each.strip() for each in texts if each.strip()]


@pytest.mark.parametrize("text", [*HARMLESS, *NASTY])
def test_markdown_is_read_as_the_texts_and_nothing_else(text: str) -> None:
    assert read_markdown(render(everywhere(text), "markdown")) == shown(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_a_text_without_markup_stays(text: str) -> None:
    assert render(everywhere(text), "markdown").count(text) == 9


@given(st.text() | st.sampled_from(NASTY))
def test_html_is_read_as_the_texts_and_nothing_else(text: str) -> None:
    assert read_html(render(everywhere(text), "html")) == shown(text)


@given(st.text() | st.sampled_from(NASTY))
def test_json_reads_as_what_it_was(text: str) -> None:
    assert json.loads(render(everywhere(text), "json")) == {text: [text]}


@given(st.text() | st.sampled_from(NASTY))
def test_csv_reads_as_what_it_was_and_no_cell_is_a_formula(text: str) -> None:
    heading, row = csv.reader(io.StringIO(render(everywhere(text), "csv")))

    assert heading == ["c", f"n{visible(text)}"]
    assert [cell.removeprefix("'") for cell in row] == [visible(text).removeprefix("'")] * 2
    assert not row[0].lstrip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text() | st.sampled_from(NASTY))
def test_nothing_is_hidden_in_any_form(form: str, text: str) -> None:
    made = render(everywhere(text), form)
    assert [line for line in made.split("\n") if visible(line) != line] == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://example.com","x")', '\'=HYPERLINK("http://example.com","x")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", r"'\t=1"),
        ("\nx", r"'\nx"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("lr=-1", "lr=-1"),
        ("two\nlines\x1b", r"two\nlines\x1b"),
    ],
)
def test_no_text_is_a_formula(text: str, cell: str) -> None:
    made = render(Document("", [], lambda: [{text: text}]), "csv")
    assert [*csv.reader(io.StringIO(made))] == [[cell], [cell]]


def test_numbers_stay_numbers() -> None:
    row = {"a": -0.5, "b": 1 / 3, "c": -3, "d": None, "e": True, "f": 1e-300}
    assert render(Document("", [], lambda: [row]), "csv").splitlines() == [
        "a,b,c,d,e,f",
        "-0.5,0.3333333333333333,-3,,True,1e-300",
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50% & $1 #2_3 {4}", r"50\% \& \$1 \#2\_3 \{4\}"),
        (r"~ ^ \ <b>", r"\textasciitilde{} \^{} \textbackslash{} \ensuremath{<}b\ensuremath{>}"),
        ("a|b ± c", r"a\textbar{}b $\pm$ c"),
        ("two\nlines", "two lines"),
        ("\x1b[1m", r"\textbackslash{}x1b[1m"),
        ("-0.5", "$-$0.5"),
        ("lr=-2, 1e-3, 2-3, all-MiniLM-L6, -", "lr=$-$2, 1e-3, 2-3, all-MiniLM-L6, -"),
        ("[a] [b]", "{[}a] [b]"),
        ("*", "{*}"),
    ],
)
def test_text_means_nothing_to_latex(text: str, written: str) -> None:
    made = render(Document("", [Table("", [{text: text}])]), "latex")
    _, _, heading, _, row, *_ = made.splitlines()
    assert heading.removesuffix(r"\\").strip() == row.removesuffix(r"\\").strip() == written


# --- the width of a terminal ------------------------------------------------------------------

WORDS = st.lists(st.text("abcdé漢", min_size=1, max_size=6), min_size=1, max_size=12).map(" ".join)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    names = [f"{draw(WORDS)} {place}" for place in range(draw(st.integers(1, 9)))]
    rows = [{name: draw(WORDS) for name in names} for _ in range(draw(st.integers(1, 3)))]
    lines = draw(st.lists(WORDS | st.tuples(WORDS, WORDS), max_size=3))
    table = Table(draw(WORDS), rows, names)
    numbers = Table("", [{"cell": draw(WORDS), **dict.fromkeys(names, "-0.042 ± 0.124†")}])
    return Document(draw(WORDS), [table, numbers, Lines("more", lines)])


@given(documents(), st.integers(42, 200))
def test_text_is_no_wider_than_it_may_be_and_loses_no_word(document: Document, width: int) -> None:
    narrow, wide = render(document, width=width), render(document)

    assert max(map(cell_len, narrow.split("\n"))) <= width
    assert {*narrow.replace("-", "").split()} == {*wide.replace("-", "").split()}


@given(documents())
def test_without_a_width_a_row_is_a_line(document: Document) -> None:
    lines = render(document).split("\n")
    table, *_ = document.parts
    assert isinstance(table, Table)
    rule = next(place for place, line in enumerate(lines) if line.startswith("--"))
    for record, line in zip(table.records, lines[rule + 1 :], strict=False):
        assert line.split() == [word for cell in record.values() for word in str(cell).split()]


ROWS: list[Mapping[str, str | Styled]] = [
    {
        "cell": "a much longer name of a cell, with commas",
        "sst accuracy ↑": "0.375 ± 0.125",
        "sts pearson ↑": "-0.042 ± 0.124†",
        "overall ↑": "0.237 ± 0.016",
        "difference": "+0.186 ± 0.028*",
        "status": "done",
    }
]


def lines_of(width: int, rows: list[Mapping[str, str | Styled]] = ROWS) -> list[str]:
    made = render(Document("", [Table("", rows, words=["status"])]), width=width)
    return [" ".join(line.split()) for line in made.split("\n")]


def test_words_give_way_and_numbers_do_not() -> None:
    assert lines_of(96)[2:] == [
        "a much longer name of a 0.375 ± 0.125 -0.042 ± 0.124† 0.237 ± 0.016 +0.186 ± 0.028* done",
        "cell, with commas",
    ]
    assert [re.findall(r"[-+.\d]+ ± \S+", "\n".join(lines_of(width))) for width in (50, 96)] == [
        ["0.375 ± 0.125", "-0.042 ± 0.124†", "0.237 ± 0.016", "+0.186 ± 0.028*"]
    ] * 2


def test_a_table_that_is_too_wide_is_parted_into_blocks_of_columns() -> None:
    wide = {f"column{place}": "0123456789" for place in range(9)}
    assert lines_of(40, [{"cell": "a b", **wide}])[::4] == [
        "cell column0 column1 column2",
        "cell column3 column4 column5",
        "cell column6 column7 column8",
    ]


def test_every_block_begins_with_what_names_the_rows() -> None:
    rows = [{"cell": "a", "metric": "b", **{f"column{place}": "0123456789" for place in range(4)}}]
    made = render(Document("", [Table("", rows, names=2)]), width=42)
    assert [line.split() for line in made.split("\n")[::4]] == [
        ["cell", "metric", "column0", "column1"],
        ["cell", "metric", "column2", "column3"],
    ]


def test_the_longest_of_words_is_cut_in_a_table_and_whole_in_a_line() -> None:
    word = "x" * 50
    made = render(Document("", [Table("", [{"c": word}]), Lines("", [word])]), width=20)
    assert [line.count("x") for line in made.split("\n")[2:]] == [20, 20, 10, 50]


@pytest.mark.parametrize(
    ("word", "lines"),
    [
        ("heads.sample-sts=relu-cosine", ["heads.sample-sts=", "relu-cosine"]),
        (f"a={'x' * 25}.b", ["a=", "x" * 20, "xxxxx.b"]),
        ("=" * 25, ["=" * 20, "=" * 5]),
    ],
)
def test_a_word_is_cut_behind_its_punctuation(word: str, lines: list[str]) -> None:
    assert lines_of(20, [{"c": word}])[2:] == lines


# --- colours ----------------------------------------------------------------------------------


def test_colours_are_codes_around_the_same_text() -> None:
    coloured = render(DOCUMENT, colour=True)

    assert re.sub(r"\x1b\[\d+m", "", coloured) == render(DOCUMENT)
    assert "\x1b[31mfailed\x1b[0m" in coloured
    assert "\x1b[2ma note\x1b[0m" in coloured
    assert "\x1b[2m-\x1b[0m" in coloured  # where there is nothing
    assert coloured.startswith("\x1b[1ma study\x1b[0m\n")
