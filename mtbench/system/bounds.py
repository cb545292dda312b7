"""Bounds: which values and paths are too large, or nested too deeply, to be meant."""

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtbench.errors import UsageError

DEEPEST = 64
"""How deep a value may be nested; nothing that a study needs comes near."""

TOO_DEEP = f"a value is nested more than {DEEPEST} deep"

LARGEST = int(sys.float_info.max)
"""The largest integer: as a number of Python's other kind, any beyond it is infinite."""

TOO_LARGE = f"a number is too large: it has more than {sys.float_info.max_10_exp} digits"


def check_value(value: Any, depth: int = DEEPEST) -> None:
    """Make sure that a value can be copied, compared, written down and told in a message.

    Raises:
        UsageError: if it is nested too deeply, or inside itself, or holds an integer of too many
            digits, which Python may refuse to write.
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        raise UsageError(TOO_LARGE)
    if not isinstance(value, Mapping | list | tuple):
        return
    if not depth:
        raise UsageError(TOO_DEEP)
    for part in (*value, *value.values()) if isinstance(value, Mapping) else value:
        check_value(part, depth - 1)


def read_toml(text: str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        tomllib.TOMLDecodeError: if it is none.
        UsageError: if a value in it is out of bounds; see ``check_value``.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise UsageError(TOO_DEEP) from None
    except ValueError:  # Python's own limit, against numbers that take minutes to read
        raise UsageError(TOO_LARGE) from None
    check_value(table)
    return table


def check_path(path: Path) -> Path:
    """Return a path that the system can follow, whether something lies there or not.

    Raises:
        UsageError: if it cannot: a name is too long, or a link leads to itself, say.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path}: no path has such characters") from None
    return path


def user_path(text: str) -> Path:
    """Return a path that a file or a setting names, with ``~`` as the user's home.

    Raises:
        UsageError: if there is no such user, or as for ``check_path``.
    """
    try:
        return check_path(Path(text).expanduser())
    except RuntimeError:
        raise UsageError(f"{text}: nobody has that home directory") from None
