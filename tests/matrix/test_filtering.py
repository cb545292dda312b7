from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.errors import UsageError
from mtbench.matrix.filtering import name_filter

NAMES = ["combiner=sum, heads.sts=linear", "combiner=pcgrad, heads.sts=relu-cosine", "Step (a)"]


def kept(expression: str) -> list[int]:
    fits = name_filter(expression)
    return [index for index, name in enumerate(NAMES) if fits(name)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("pcgrad", [1]),
        ("PCGrad", [1]),
        ("STEP", [2]),
        ("combiner=sum", [0]),
        ("cosine", [1]),
        ("e", [0, 1, 2]),
        ("nothing", []),
        ("not pcgrad", [0, 2]),
        ("not not pcgrad", [1]),
        ("combiner and not cosine", [0]),
        ("sum or step", [0, 2]),
        ("step or sum and cosine", [2]),  # `and` binds more tightly than `or`
        ("(step or sum) and cosine", []),
        ("not sum and cosine", [1]),  # `not` binds more tightly than `and`
        ("not (sum and cosine)", [0, 1, 2]),
        ("not(sum)and(cosine)", [1]),
        ("((sum))", [0]),
        ('"sum, heads"', [0]),
        ("'SUM, heads'", [0]),
        ('"(a)"', [2]),
        ('not "(a)" and not sum', [1]),
        ('"not"', []),
        ("sum or'(a)'", [0, 2]),
        ('""', [0, 1, 2]),
        ("  sum  ", [0]),
    ],
)
def test_expressions(expression: str, expected: list[int]) -> None:
    assert kept(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        " ",
        "()",
        "(sum",
        "sum)",
        ")",
        "and",
        "sum and",
        "and sum",
        "sum or or sum",
        "not",
        "sum not",
        "sum cosine",
        "sum AND cosine",
        '"sum" "cosine"',
        'sum"',
        '"sum',
        "'sum\"",
        "(sum) cosine",
    ],
)
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(UsageError) as caught:
        name_filter(expression)

    assert str(caught.value) == (
        f"-k {expression!r}: expected words joined by 'and', 'or', 'not' and brackets"
    )


@pytest.mark.parametrize(
    "expression", ["(" * 10_000, "(" * 65 + "sum" + ")" * 65], ids=["open", "paired"]
)
def test_brackets_that_are_nested_too_deeply_are_refused(expression: str) -> None:
    with pytest.raises(UsageError, match=r"^-k: brackets are nested more than 64 deep$"):
        name_filter(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(" * 64 + "sum" + ")" * 64, [0]),
        ("(sum) or " * 10_000 + "step", [0, 2]),
        ("sum and " * 10_000 + "sum", [0]),
        ("not " * 10_001 + "sum", [1, 2]),
    ],
    ids=["brackets", "or", "and", "not"],
)
def test_an_expression_may_be_long(expression: str, expected: list[int]) -> None:
    assert kept(expression) == expected


Written = tuple[str, Callable[[str], bool]]

WORDS = st.sampled_from(["a", "b", "C", "ab", "=", "not a", "or"])


def word(text: str) -> Written:
    return f'"{text}"', lambda name: text.lower() in name.lower()


def negated(inner: Written) -> Written:
    text, holds = inner
    return f"not ({text})", lambda name: not holds(name)


def joined(left: Written, right: Written, operator: str) -> Written:
    (left_text, left_holds), (right_text, right_holds) = left, right
    if operator == "and":
        return f"({left_text}) and ({right_text})", lambda n: left_holds(n) and right_holds(n)
    return f"({left_text}) or ({right_text})", lambda n: left_holds(n) or right_holds(n)


EXPRESSIONS = st.recursive(
    WORDS.map(word),
    lambda inner: st.one_of(
        inner.map(negated),
        st.builds(joined, inner, inner, st.sampled_from(["and", "or"])),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.text(alphabet="abcABC= ornt", max_size=8))
def test_brackets_say_how_it_is_read(written: Written, name: str) -> None:
    text, holds = written

    assert name_filter(text)(name) == holds(name)


@given(st.lists(st.sampled_from(["and", "or", "not"]), max_size=6), st.data())
def test_without_brackets_it_binds_as_python_does(
    operators: list[str], data: st.DataObject
) -> None:
    letters = iter("pqrstuvwxyz")
    text = next(letters)
    for operator in operators:
        text += (
            f" {operator} {next(letters)}" if operator != "not" else f" and not {next(letters)}"
        )
    name = data.draw(st.text(alphabet="pqrstuvwxyz", max_size=6))

    values = {letter: letter in name for letter in "pqrstuvwxyz"}
    assert name_filter(text)(name) == eval(text, {}, values)
