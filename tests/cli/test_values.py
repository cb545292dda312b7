import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.cli.values import parse_value, parse_values, read_values
from mtbench.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("3", 3),
        ("true", True),
        ("linear", "linear"),
        ("'1'", "1"),
        ("a/folder with blanks", "a/folder with blanks"),
        ('{name = "linear", pair = "joined"}', {"name": "linear", "pair": "joined"}),
        ('["sst", "pd"]', ["sst", "pd"]),
        ("[unclosed", "[unclosed"),
        ("a = b", "a = b"),
    ],
)
def test_a_value_is_toml_or_a_string(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("sum,pcgrad", ["sum", "pcgrad"]),
        ("1e-4, 1e-5", [1e-4, 1e-5]),
        ("one", ["one"]),
        (
            'linear,{name="linear", pair="joined"}',
            ["linear", {"name": "linear", "pair": "joined"}],
        ),
        ("[1, 2],[3]", [[1, 2], [3]]),
        ('"a,b",c', ["a,b", "c"]),
        ("'{',2", ["{", 2]),
        ('"it\'s",2', ["it's", 2]),
        ("bob's,al's", ["bob's", "al's"]),
        (r'"a\",b",2', ['a",b', 2]),
        (r'"a\\",b', ["a\\", "b"]),
        ('"""a"b,c""",d', ['a"b,c', "d"]),
        ("sum],a]b,[1]", ["sum]", "a]b", [1]]),
        ("note (bob's),x{1}'", ["note (bob's)", "x{1}'"]),
        ("[\"bob's\", ']'],it's", [["bob's", "]"], "it's"]),
        ("folder[1],'folder[1,2]'", ["folder[1]", "folder[1,2]"]),
    ],
)
def test_values_are_parted_by_commas_but_those_inside_of_toml(
    text: str, values: list[object]
) -> None:
    assert parse_values(text) == values


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=8)
SCALARS = st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9) | TEXTS


@given(st.lists(SCALARS | st.lists(SCALARS, max_size=3), min_size=1, max_size=4))
def test_values_written_as_toml_are_read_as_they_were(values: list[Any]) -> None:
    """JSON's texts, numbers and lists are TOML's."""
    assert parse_values(",".join(json.dumps(v, ensure_ascii=False) for v in values)) == values


def test_a_value_of_several_lines_may_be_toml() -> None:
    assert parse_value("[\n1,  # one\n2\n]") == [1, 2]
    assert parse_value('"""a\nb"""') == "a\nb"


# --- keys with values ---------------------------------------------------------------------------

ONE = "one value is expected, and a key of its own follows it"
SEVERAL = "a value of several lines must be TOML"
COMMENT = "a comment follows the value (quotes make it a text)"
UNPAIRED = "brackets or quotes do not pair up (quotes around a value make it a text)"
DEEP = "a value is nested more than 64 deep"
LARGE = "a number is too large: it has more than 308 digits"

WRONG = [
    ("train.lr=1\nx=2", ONE),
    ("train.lr=1\r\nx=2", ONE),
    ("train.lr=1\n[x]", ONE),
    ("train.lr=1\nvalue.x=2", SEVERAL),
    ("train.lr=1\nvalue=2", SEVERAL),
    ("encoder.checkpoint=a\nb", SEVERAL),
    ("train.lr=1 # small", COMMENT),
    ("train.lr=1\n# small", COMMENT),
    ("train.lr=" + "9" * 5000, LARGE),
    ("train.lr=-1" + "0" * 309, LARGE),
    ("train.lr=" + "[" * 65 + "]" * 65, DEEP),
]
WRONG_VALUES = [
    *WRONG,
    ("train.lr=" + "[" * 10_000, DEEP),
    ("train.lr=" + "{a=" * 400 + "1" + "}" * 400, DEEP),
    (f"train.lr=[1, 0x{'f' * 5000}]", LARGE),
]
WRONG_AXES = [
    *WRONG,
    ("combiner=sum,", "a value is missing"),
    ("combiner=sum,,pcgrad", "a value is missing"),
    ("combiner=,sum", "a value is missing"),
    ("tasks=[1,2", UNPAIRED),
    ("combiner='sum,pcgrad", UNPAIRED),
    ("combiner=sum,{name='pcgrad'", UNPAIRED),
    ("combiner=\"sum'", UNPAIRED),
]


@pytest.mark.parametrize(
    ("parse", "cases"), [(parse_value, WRONG_VALUES), (parse_values, WRONG_AXES)]
)
def test_what_is_no_value_is_told_in_one_line(
    parse: Callable[[str], Any], cases: list[tuple[str, str]]
) -> None:
    for text, message in cases:
        with pytest.raises(UsageError) as caught:
            read_values("--set", [text], parse)
        assert str(caught.value) == f"--set {text!r}: {message}"
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["train.lr", "train.lr=", "=1e-4", "= ", ""])
def test_a_key_needs_a_value(text: str) -> None:
    for parse, form in ((parse_value, "KEY=VALUE"), (parse_values, "KEY=V1,V2")):
        with pytest.raises(UsageError, match=rf"^--set .*: expected {form}"):
            read_values("--set", [text], parse)


def test_a_key_is_given_once() -> None:
    assert read_values("--set", ["a=1", " b = c=d"]) == {"a": 1, "b": "c=d"}
    with pytest.raises(UsageError, match=r"^--set 'train\.lr = 2': train\.lr is given twice$"):
        read_values("--set", ["train.lr=1", "train.lr = 2"])
