"""Values of options: ``KEY=VALUE``, and several values parted by commas."""

import tomllib
from collections.abc import Callable, Sequence
from typing import Any

from mtbench.errors import UsageError


def parse_value(text: str) -> Any:
    """Read a value as TOML has it; what is no TOML is a string as it stands.

    Raises:
        UsageError: if there is no value, or something beside it that would be dropped.
    """
    if not text:
        raise UsageError("a value is missing")
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        if len(text.splitlines()) > 1:
            raise UsageError("a value of several lines must be TOML") from None
        return text
    if len(table) > 1:
        raise UsageError("one value is expected, and a key of its own follows it")
    try:
        tomllib.loads(f"value = [{text}]")
    except tomllib.TOMLDecodeError:
        raise UsageError("a comment follows the value (quotes make it a text)") from None
    return table["value"]


def parse_values(text: str) -> list[Any]:
    """Read values parted by commas, those inside brackets or quotes aside.

    Raises:
        UsageError: if brackets or quotes do not pair up, or as for ``parse_value``.
    """
    values, depth, quote, current = [], 0, "", ""
    for before, character in zip(f" {text}", text, strict=False):
        if character == "," and not depth and not quote:
            values.append(current)
            current = ""
            continue
        if quote:
            escaped = quote == '"' and before == "\\"
            quote = "" if character == quote and not escaped else quote
        elif character in "\"'" and (depth or not current.strip()):  # not in a word: bob's
            quote = character
        else:
            depth += (character in "[{") - (character in "]}")
        current += character
    if depth or quote:
        raise UsageError("brackets or quotes do not pair up")
    return [parse_value(value.strip()) for value in [*values, current]]


def read_values(
    option: str, given: Sequence[str], parse: Callable[[str], Any] = parse_value
) -> dict[str, Any]:
    """Read what was given to an option, a key with its value each time.

    Raises:
        UsageError: if the form is another, or a key is given twice.
    """
    values: dict[str, Any] = {}
    for text in given:
        key, _, value = (part.strip() for part in text.partition("="))
        if not (key and value):
            form = "KEY=V1,V2" if parse is parse_values else "KEY=VALUE"
            raise UsageError(f"{option} {text!r}: expected {form}")
        if key in values:
            raise UsageError(f"{option} {text!r}: {key} is given twice")
        try:
            values[key] = parse(value)
        except UsageError as error:
            raise UsageError(f"{option} {text!r}: {error}") from None
    return values
