import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.errors import UsageError
from mtbench.notebook import values


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.float64(1e-3), 1e-3),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("sum"), "sum"),
        (np.array(2.5), 2.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ({"a": [np.int8(1), (np.float64(2.5), "b")]}, {"a": [1, [2.5, "b"]]}),
        (None, None),
        (Path("here"), Path("here")),
    ],
)
def test_numpy_is_plain_python(given: Any, wanted: Any) -> None:
    made = values.plain(given)
    assert made == wanted
    assert (type(made), repr(made)) == (type(wanted), repr(wanted))


def test_numpy_is_not_imported_for_it() -> None:
    script = (
        "import sys\nfrom mtbench.notebook import values\n"
        "assert values.plain({'a': (1,)}) == {'a': [1]}\nprint('numpy' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("given", [0, -1, True, 1.0, "2", None, [0, 1], np.int64(0), np.bool_(1)])
def test_what_is_no_count(given: Any) -> None:
    with pytest.raises(UsageError, match=r"^jobs: expected a number from 1"):
        values.count("jobs", given)


@pytest.mark.parametrize("given", [2, np.int64(2), np.uint8(2)])
def test_a_count(given: Any) -> None:
    assert type(values.count("jobs", given)) is int
    assert values.count("jobs", given) == 2


def test_an_axis_has_values() -> None:
    assert values.axis("a", (value for value in "xy")) == ["x", "y"]
    for given, told in (
        ("xy", "a list of values (given: 'xy')"),
        ({"x": 1}, "a list of values (given: {'x': 1})"),
        (0.1, "a list of values (given: 0.1)"),
        ([], "at least one value (given: none)"),
        (iter(()), "at least one value (given: none)"),
    ):
        with pytest.raises(UsageError) as caught:
            values.axis("a", given)
        assert str(caught.value) == f"axes: a: expected {told}"


def test_one_or_several() -> None:
    assert values.paths("p", "a") == values.paths("p", Path("a")) == [Path("a")]
    assert values.paths("p", (name for name in ("a", Path("b")))) == [Path("a"), Path("b")]
    assert values.texts("t", "ab") == ["ab"]
    assert values.texts("t", iter(["a", "b"])) == ["a", "b"]


def test_what_is_by_key() -> None:
    assert values.by_key("set", None, "{}") == {}
    assert values.by_key("set", {"a.b": 1}, "{}") == {"a.b": 1}
    for given in ("a=1", [("a", 1)], {1: 2}, 3):
        with pytest.raises(UsageError, match=r"^set: expected a dict such as {x} \(given: "):
            values.by_key("set", given, "{x}")


INSIDE: list[Any] = []
INSIDE.append(INSIDE)

NONSENSE = {
    "a large number": 10**5000,
    "a large number below 0": -(10**5000),
    "a list in itself": INSIDE,
    "a tuple as a key": {("a",): INSIDE},
    "a large number as a key": {10**5000: 1},
    "an array": np.array([[1, 2], [3, 4]]),
}


@pytest.mark.parametrize("given", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_told_in_one_line(given: Any) -> None:
    for read in (values.count, values.text, values.path):
        with pytest.raises(UsageError, match=r"^x: .*$") as caught:
            read("x", given)
        assert "\n" not in str(caught.value)
    for number in (10**5000, [INSIDE], {10**5000: 1}):
        with pytest.raises(UsageError):
            values.plain(number)
        with pytest.raises(UsageError):
            values.axis("x", [number])


@pytest.mark.parametrize("given", ["n" * 300, "a\0b"], ids=["long", "null"])
def test_a_path_that_the_system_cannot_follow_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        values.path("store", given)


def test_a_key_that_is_a_tuple_stays_one() -> None:
    assert values.plain({("a", 1): (1, 2)}) == {("a", 1): [1, 2]}
