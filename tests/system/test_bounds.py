import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mtbench.errors import UsageError
from mtbench.system.bounds import DEEPEST, check_path, check_value, read_toml, user_path


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [{"a": value}] if isinstance(value, int) else [value]
    return value


def test_what_a_study_holds_is_within_bounds() -> None:
    value = {"a": [1, 1e308, float("inf"), True, "9" * 10_000, (10**308, -(10**308))], "b": None}

    check_value(value)
    check_value(nested(DEEPEST - 1))


@pytest.mark.parametrize("value", [10**309, {"a": [-(10**5000)]}], ids=["positive", "negative"])
def test_an_integer_beyond_every_float_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^a number is too large: it has more than 308 digits$"):
        check_value(value)


def test_a_value_that_is_nested_too_deeply_or_in_itself_is_refused() -> None:
    inside: list[Any] = []
    inside += [inside, inside]
    for value in (nested(DEEPEST), nested(100_000), inside, {"a": (inside,)}):
        with pytest.raises(UsageError, match=r"^a value is nested more than 64 deep$"):
            check_value(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 10_000, "nested"),
        ("a = " + "[" * 100 + "]" * 100, "nested"),
        ("a = " + "{b = " * 200 + "1" + "}" * 200, "nested"),
        (".".join("a" * 10_000) + " = 1", "nested"),
        (f"[{'.'.join('a' * 10_000)}]", "nested"),
        ("a = " + "9" * 5000, "too large"),
        (f"a = 0x{'f' * 5000}", "too large"),
        (f"a = 0b{'1' * 5000}", "too large"),
    ],
    ids=["open", "lists", "tables", "key", "heading", "digits", "hexadecimal", "binary"],
)
def test_toml_is_read_within_bounds(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_toml(text)


def test_what_is_no_toml_is_left_to_the_caller() -> None:
    assert read_toml("a = 1") == {"a": 1}
    with pytest.raises(tomllib.TOMLDecodeError):
        read_toml("a = ")


def test_a_path_that_leads_nowhere_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "none" / "x", tmp_path / "file" / "x"):
        assert check_path(path) == path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("n" * 256, os.strerror(36)),
        ("ü" * 128, os.strerror(36)),
        ("n/" * 3000, os.strerror(36)),
        ("loop", os.strerror(40)),
        ("a\0b", "no path has such characters"),
        ("\ud800", "no path has such characters"),
    ],
    ids=["long", "long in bytes", "long in all", "loop", "null", "surrogate"],
)
@pytest.mark.skipif(os.name == "nt", reason="other systems have other limits")
def test_a_path_that_the_system_cannot_follow_is_refused(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(UsageError) as caught:
        check_path(tmp_path / name)

    assert str(caught.value) == f"{tmp_path / name}: {reason}"


def test_a_home_directory_is_taken_for_its_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert user_path("~/data") == tmp_path / "data"
    assert user_path("data") == Path("data")
    with pytest.raises(UsageError, match=r"^~nobody-at-all/x: nobody has that home directory$"):
        user_path("~nobody-at-all/x")
    with pytest.raises(UsageError, match="File name too long"):
        user_path("~/" + "n" * 256)
