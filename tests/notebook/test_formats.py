import pytest

from mtbench.errors import UsageError
from mtbench.notebook.formats import rendered


def test_a_format_is_given_what_is_told_and_loses_its_colours() -> None:
    formats = {"red": lambda *told, **given: f"\x1b[31m{told}\x1b[0m{given}\n\nend"}

    assert rendered("red", formats, 1, 2, details=True) == "(1, 2){'details': True}\n\nend"


@pytest.mark.parametrize(
    ("form", "told"), [("redd", "'redd'; did you mean 'red'"), (3, r"'3' \(known: red\)")]
)
def test_an_unknown_format(form: str, told: str) -> None:
    with pytest.raises(UsageError, match=f"^unknown format {told}"):
        rendered(form, {"red": str})
