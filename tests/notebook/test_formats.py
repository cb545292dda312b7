import math

import pytest

from mtbench.errors import UsageError
from mtbench.notebook.formats import framed, rendered


def test_a_format_is_given_what_is_told_and_loses_its_colours() -> None:
    formats = {"red": lambda *told, **given: f"\x1b[31m{told}\x1b[0m{given}\n\nend"}

    assert rendered("red", formats, 1, 2, details=True) == "(1, 2){'details': True}\n\nend"


@pytest.mark.parametrize(
    ("form", "told"), [("redd", "'redd'; did you mean 'red'"), (3, r"'3' \(known: red\)")]
)
def test_an_unknown_format(form: str, told: str) -> None:
    with pytest.raises(UsageError, match=f"^unknown format {told}"):
        rendered(form, {"red": str})


def test_what_is_none_is_nan_in_a_frame() -> None:
    frame = framed([{"a": 1, "b": None, "c": "x"}, {"a": None, "b": None, "c": None}])

    assert [str(frame[name].dtype) for name in "ab"] == ["float64", "float64"]
    assert frame["a"][0] == 1
    assert frame["c"][0] == "x"
    assert all(
        isinstance(value, float) and math.isnan(value) for value in [*frame["b"], frame["c"][1]]
    )
    assert list(framed([], ["a", "b"]).columns) == ["a", "b"]
    assert framed([]).empty
