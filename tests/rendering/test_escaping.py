import unicodedata

import pytest

from mtbench.rendering.escaping import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines\r", r"two\nlines\r"),
        ("a\tb\0", r"a\tb\x00"),
        ("\x9b31m\x7f\x85", r"\x9b31m\x7f\x85"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("\u2066a\u2069\u200f", r"\u2066a\u2069\u200f"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("su\u200bm\ufeff", r"su\u200bm\ufeff"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
        ("su\u200dm", r"su\u200dm"),
        ("\u200c", r"\u200c"),
        ("C:\\new", r"C:\new"),
    ],
)
def test_what_is_hidden_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "combiner=sum, heads.sts=linear{pair=joined}",
        "± ↑ † ‡ ‖ é ß 漢字 \u00a0 \u3000",
        "👨\u200d👩\u200d👧 ❤\ufe0f",  # emoji that are joined, and one with its variant
        "می\u200cخواهم",  # Persian, whose spelling needs the joiner
        "שלום العربية",
    ],
)
def test_what_can_be_read_stays(text: str) -> None:
    assert visible(text) == text


def test_nothing_is_left_that_controls_a_terminal_or_breaks_a_line() -> None:
    for character in map(chr, range(0x110000)):
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            assert visible(character) == repr(character)[1:-1]


def test_nothing_is_left_that_turns_the_direction_of_writing() -> None:
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for character in map(chr, range(0x110000)):
        if unicodedata.bidirectional(character) in turning:
            assert visible(f"a{character}") == "a" + repr(character)[1:-1]
