from xml.etree import ElementTree as ET

from mtbench.rendering.html import section

NASTY = "<b>&\"x\"</td> 'y'"


def texts(html: str, tag: str) -> list[str]:
    """Return the texts of the elements of a tag; what is not well-formed cannot be read."""
    return ["".join(e.itertext()).strip() for e in ET.fromstring(html).iter(tag)]


def test_every_text_comes_out_as_it_went_in() -> None:
    html = section(
        [{f"c{NASTY}": NASTY, "n": "-0.5 ± 0.1"}, {f"c{NASTY}": "b", "n": "1"}],
        alignment=["left", "right"],
        above=[f"title {NASTY}", f"more {NASTY}"],
        below=[f"one {NASTY}", "two"],
    )

    assert texts(html, "th") == [f"c{NASTY}", "n"]
    assert texts(html, "td") == [NASTY, "-0.5 ± 0.1", "b", "1"]
    assert texts(html, "p") == [f"title {NASTY}", f"more {NASTY}"]
    assert texts(html, "strong") == [f"title {NASTY}"]
    assert texts(html, "li") == [f"one {NASTY}", "two"]


def test_what_is_not_given_is_not_there() -> None:
    html = section([])

    assert [element.tag for element in ET.fromstring(html).iter()] == ["div"]
    assert texts(section([{"a": "1"}]), "td") == ["1"]


def test_what_is_hidden_is_shown_escaped() -> None:
    html = section([{"c\x1b": "a\nb"}], above=["t\u202e"], below=["n\x9b"])

    assert [texts(html, tag) for tag in ("th", "td", "strong", "li")] == [
        [r"c\x1b"],
        [r"a\nb"],
        [r"t\u202e"],
        [r"n\x9b"],
    ]
