"""Locations: where a matrix file lies, and what it holds as TOML."""

import tomllib
from pathlib import Path
from typing import Any

from mtbench.errors import SHOWN, UsageError, nearest
from mtbench.system.bounds import read_toml

MATRIX = "matrix.toml"
"""Name of the matrix file that a folder stands for."""

LARGEST = 1 << 24
"""Bytes of a matrix file that are read."""


def file_of(path: Path) -> Path:
    """Return a matrix file, of which the folder may be given."""
    return path / MATRIX if path.is_dir() else path


def read_table(file: Path) -> dict[str, Any]:
    """Return what a matrix file holds.

    Raises:
        UsageError: if it is not there, is no TOML, or holds what is out of bounds.
    """
    try:
        with file.open("rb") as opened:  # a pipe, perhaps, or a device that never ends
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UsageError(f"more than {LARGEST >> 20} MiB, which no matrix file has")
        return read_toml(content.decode("utf-8-sig"))  # Windows' editors write a byte order mark
    except FileNotFoundError:
        raise _missing(file) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8, which TOML is: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error}") from None
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


def _missing(file: Path) -> UsageError:
    """Say that a matrix file is not there, what is nearest, and what would write one."""
    folders = (inner.parent for inner in file.parent.glob(f"*/{MATRIX}"))
    here = sorted(other.name for other in (*file.parent.glob("*.toml"), *folders))
    guess = nearest(file.name, here) or nearest(f"{file.name}.toml", here)
    others = f"; {file.parent} has {', '.join(here[:SHOWN])}" if here else ""
    hint = f"; did you mean {guess!r}?" if guess else others
    return UsageError(f"{file}: there is no such matrix file{hint} ('mtbench init' writes one)")
