import pytest

from mtbench.rendering.latex import tabular

END = [r"\bottomrule", r"\end{tabular}"]


def test_a_table_is_pinned() -> None:
    table = tabular(
        [{"cell": "sum", "sst %": "0.500 ± 0.125"}, {"cell": "a_b{c=1e-3}", "sst %": "-0.009"}],
        alignment=["left", "right"],
        above=["a study"],
        below=["100 % of\nit", "the rest"],
    )

    assert table.splitlines() == [
        "% a study",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r" cell        &         sst \% \\",
        r"\midrule",
        r" sum         & 0.500 $\pm$ 0.125 \\",
        r" a\_b\{c=1e-3\} &        $-$0.009 \\",
        *END,
        "% 100 % of it",
        "% the rest",
    ]


def test_without_an_alignment_all_is_left() -> None:
    assert tabular([{"a": "1", "b": "2"}]).splitlines() == [
        r"\begin{tabular}{ll}",
        r"\toprule",
        r" a   & b   \\",
        r"\midrule",
        r" 1   & 2   \\",
        *END,
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
    _, _, heading, _, row, *_ = tabular([{text: text}]).splitlines()

    assert heading.removesuffix(r"\\").strip() == written
    assert row.removesuffix(r"\\").strip() == written
