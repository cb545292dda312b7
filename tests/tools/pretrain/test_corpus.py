import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.api import UsageError
from tools.pretrain.corpus import REVIEWS, WIKIPEDIA, articles, clean, reviews, sentences

# --- cleaning ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("Good.<br /><br />Bad.", "Good. Bad."),
        ("Tom &amp; Jerry, &quot;the&quot; film", 'Tom & Jerry, "the" film'),
        ("Fine.&lt;br&gt;Really.", "Fine. Really."),
        ("Evelina Trojanska (; 15 November 1929)", "Evelina Trojanska (15 November 1929)"),
        ("Ulm () is a city", "Ulm is a city"),
        ("Ulm ( ;, ) , a city", "Ulm, a city"),
        ("It ends (in 1929) .", "It ends (in 1929)."),
        ("  two \t words\u00a0here ", "two words here"),
    ],
)
def test_cleaning(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_what_is_no_tag_stays() -> None:
    assert clean("2 < 3, and so on and on and on and on and on, 5 > 4") == (
        "2 < 3, and so on and on and on and on and on, 5 > 4"
    )


@given(st.text(alphabet="ab.,;() <>\t\n", max_size=40))
def test_a_clean_text_has_single_spaces_and_no_line_breaks(raw: str) -> None:
    assert clean(raw) == " ".join(clean(raw).split())


# --- sentences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "cut"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("He met Dr. Who. It rained.", ["He met Dr. Who.", "It rained."]),
        ("J. R. R. Tolkien wrote. He did.", ["J. R. R. Tolkien wrote.", "He did."]),
        ("In St. Mary's vs. The Rest, Mr. X won.", ["In St. Mary's vs. The Rest, Mr. X won."]),
        ("It grew by 3.5 percent. 1999 came.", ["It grew by 3.5 percent.", "1999 came."]),
        ("It cost 5 dollars, e.g. then. more", ["It cost 5 dollars, e.g. then. more"]),
        ('Go. "Now" it is.', ["Go.", '"Now" it is.']),
        ("", []),
    ],
)
def test_sentences(document: str, cut: list[str]) -> None:
    assert sentences(document) == cut


@given(st.text(alphabet="aB. !?1", max_size=40))
def test_cutting_loses_no_letter(document: str) -> None:
    parts = sentences(document)
    assert "".join(parts).replace(" ", "") == document.replace(" ", "")
    assert all(parts)


# --- files ------------------------------------------------------------------------------------


def test_articles_are_parted_by_blank_lines(
    tmp_path: Path, write_corpus: Callable[..., Path]
) -> None:
    corpus = write_corpus(tmp_path, ["Ulm () is old.\nIt is big.", "\nA lake."])
    assert list(articles(corpus)) == ["Ulm is old. It is big.", "A lake."]


def test_a_review_is_a_line(tmp_path: Path, write_corpus: Callable[..., Path]) -> None:
    corpus = write_corpus(tmp_path, [], ["Good.<br />Bad.", " ", "Never again."])
    assert list(reviews(corpus)) == ["Good. Bad.", "Never again."]


@pytest.mark.parametrize(("name", "read"), [(WIKIPEDIA, articles), (REVIEWS, reviews)])
def test_a_missing_file_is_named(
    tmp_path: Path, name: str, read: Callable[[Path], list[str]]
) -> None:
    with pytest.raises(UsageError) as refused:
        list(read(tmp_path))
    assert str(refused.value) == f"no corpus: {tmp_path / name} is not there"


@pytest.mark.parametrize("whole", [True, False], ids=["no xz", "cut short"])
def test_a_broken_file_is_named(tmp_path: Path, whole: bool) -> None:
    content = b"no xz at all" if whole else lzma.compress(b"A good film.\n" * 99)[:-20]
    (tmp_path / REVIEWS).write_bytes(content)
    with pytest.raises(UsageError, match=rf"^{tmp_path / REVIEWS}: no whole xz \(.+\)$"):
        list(reviews(tmp_path))
