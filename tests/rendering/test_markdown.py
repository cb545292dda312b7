import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from mtbench.rendering import markdown
from mtbench.rendering.escaping import visible

HARMLESS = [
    "combiner=sum, heads.sts=linear{pair=joined}",
    "+0.186 ± 0.028* (* p < 0.05, Holm)",
    "< .001",
    "loss_weight of a_b_c, 3 -> 4, a & b",
    "[gate] is not what it was",
    "-k: 0.5 [+0.1, +0.2]",
]
NASTY = [
    "<b>bold</b>",
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


def read(text: str) -> tuple[set[str], str]:
    """Return the elements that GitHub's Markdown makes of a text, and what a reader sees."""
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return set(re.findall(r"<(\w+)", html)), unescape(re.sub(r"<[^>]*>", "", html)).strip()


@pytest.mark.parametrize("text", HARMLESS)
def test_a_text_without_markup_stays(text: str) -> None:
    assert markdown.span(text) == markdown.line(text) == text


@pytest.mark.parametrize("text", [*HARMLESS, *NASTY])
def test_a_text_is_read_as_it_is_and_nothing_else(text: str) -> None:
    shown = visible(text).strip()
    assert read(markdown.line(text)) == ({"p"}, shown)
    assert read(markdown.items([text])) == ({"ul", "li"}, shown)
    assert read(f"### {markdown.span(text)}") == ({"h3"}, shown)


@pytest.mark.parametrize("text", [*HARMLESS, *NASTY])
def test_a_cell_is_read_as_it_is_and_nothing_else(text: str) -> None:
    elements, shown = read(markdown.table([{text: "x", "n": text}, {text: text, "n": "1"}]))

    assert elements == {"table", "thead", "tbody", "tr", "th", "td"}
    cells = [line for line in shown.splitlines() if line.strip()]
    cell = visible(text).strip()
    assert cells == [cell, "n", "x", cell, cell, "1"]


def test_html_is_escaped_as_in_html() -> None:
    assert markdown.span('<a href="x">&amp;</a>') == '&lt;a href="x"&gt;&amp;amp;&lt;/a&gt;'


def test_a_table_is_pinned() -> None:
    rows = [{"cell": "a|b", "n": "-0.5"}, {"cell": "<i>", "n": "1"}]
    assert markdown.table(rows, alignment=["left", "right"]).splitlines() == [
        "| cell      |    n |",
        "|:----------|-----:|",
        r"| a\|b      | -0.5 |",
        "| &lt;i&gt; |    1 |",
    ]
