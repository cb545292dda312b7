"""Values of options: ``KEY=VALUE``, and several values parted by commas."""

import tomllib
from collections.abc import Callable, Sequence
from typing import Any

from mtbench.errors import UsageError
from mtbench.system.bounds import read_toml

OPENING, CLOSING = tuple("[{\"'"), tuple("]}\"'")
"""Characters with which a value of TOML that may hold commas begins, and ends."""


def parse_value(text: str) -> Any:
    """Read a value as TOML has it; what is no TOML is a string as it stands.

    Raises:
        UsageError: if there is no value, or something beside it that would be dropped.
    """
    if not text:
        raise UsageError("a value is missing")
    try:
        table = read_toml(f"value = {text}")
    except tomllib.TOMLDecodeError:
        if len(text.splitlines()) > 1:
            raise UsageError("a value of several lines must be TOML") from None
        return text
    if len(table) > 1:
        raise UsageError("one value is expected, and a key of its own follows it")
    try:
        read_toml(f"value = [{text}]")
    except tomllib.TOMLDecodeError:
        raise UsageError("a comment follows the value (quotes make it a text)") from None
    return table["value"]


def parse_values(text: str) -> list[Any]:
    """Read values parted by commas.

    One that begins with a bracket or a quote is TOML, and goes on to where that ends; any other
    is a word, in which brackets and apostrophes are characters like others.

    Raises:
        UsageError: if what begins so does not end, or as for ``parse_value``.
    """
    values: list[Any] = []
    pending = ""
    for piece in text.split(","):
        pending = f"{pending},{piece}" if pending else piece.strip()
        if pending[:1] in OPENING and not _is_whole(pending):
            continue
        values.append(parse_value(pending.strip()))
        pending = ""
    if pending:
        raise UsageError(
            "brackets or quotes do not pair up (quotes around a value make it a text)"
        )
    return values


def _is_whole(text: str) -> bool:
    """Whether a text that begins as TOML's lists, tables and texts do is one of them."""
    if text.rstrip()[-1] not in CLOSING:  # most are not: they need no parser
        return False
    try:
        read_toml(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return False
    return True


def read_values(
    option: str, given: Sequence[str], parse: Callable[[str], Any] = parse_value
) -> dict[str, Any]:
    """Read what was given to an option, a key with its value each time.

    Raises:
        UsageError: if the form is another, or a key is given twice.
    """
    values: dict[str, Any] = {}
    for text in given:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and value):
            form = "KEY=V1,V2" if parse is parse_values else "KEY=VALUE"
            empty = f"; behind {key}= a value is missing" if key and equals else ""
            raise UsageError(f"{option} {text!r}: expected {form}{empty}")
        if key in values:
            raise UsageError(f"{option} {text!r}: {key} is given twice")
        try:
            values[key] = parse(value)
        except UsageError as error:
            raise UsageError(f"{option} {text!r}: {error}") from None
    return values
