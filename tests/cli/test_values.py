import pytest

from mtbench.cli.values import parse_value, parse_values


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


def test_a_value_of_several_lines_may_be_toml() -> None:
    assert parse_value("[\n1,  # one\n2\n]") == [1, 2]
    assert parse_value('"""a\nb"""') == "a\nb"
