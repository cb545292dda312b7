import pytest

from mtbench.errors import UsageError
from mtbench.matrix.references import Names

AXES = {"x": ["a", "b"], "y": ["a", "b, z=1"]}


def test_names_of_a_search_are_those_of_its_grid() -> None:
    names = Names(["x=a, y=a", "mine"], AXES)

    assert [name in names for name in ("mine", "x=b, y=b, z=1", "x=b", "y=a, x=a")] == [
        True,
        True,
        False,
        False,
    ]
    assert "x=b, y=a" not in Names(["x=a, y=a", "mine"])


def test_a_mistaken_name_is_told_beside_those_that_may_come() -> None:
    error = Names(["x=a, y=a"], AXES).unknown("x=b, y=aa", where="reference")

    assert str(error).startswith("unknown cell 'x=b, y=aa' in reference; did you mean 'x=b, y=a'?")


def test_a_name_is_for_one_cell() -> None:
    Names(["x=a, y=a", "mine"], AXES).check_distinct(["mine"])
    for names, included in ((Names(["a", "a"]), []), (Names(["x=b, y=a"], AXES), ["x=b, y=a"])):
        with pytest.raises(UsageError, match=f"two cells are called '{names.made[0]}'"):
            names.check_distinct(included)
