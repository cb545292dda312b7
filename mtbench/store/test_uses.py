"""Test uses: a line each time that test labels were read, which nothing ever takes away."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import Any

from filelock import FileLock

from mtbench.store.records import LOCK
from mtbench.system.console import say
from mtbench.system.files import parse_object, read_file, reason_of

TEST_USES = "test_uses.jsonl"

FIELDS = ("time", "run", "matrix")
"""What is read of a line; the scores are for people."""


def add(root: Path, use: Mapping[str, Any]) -> None:
    """Add a line to the file in a store's folder, one process at a time.

    Raises:
        OSError: if it cannot be written.
    """
    line = json.dumps(use, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with _opened(root) as log:
        if log.tell():
            log.seek(-1, os.SEEK_END)
            if log.read(1) != b"\n":  # a process died while it wrote
                line = b"\n" + line
        log.write(line)
        log.flush()
        os.fsync(log.fileno())


def check(root: Path) -> None:
    """Make sure that a line can be added, as far as that can be told.

    Raises:
        OSError: if not.
    """
    with _opened(root):
        pass


@contextmanager
def _opened(root: Path) -> Iterator[BufferedRandom]:
    file = root / TEST_USES
    with FileLock(f"{file}.{LOCK}"), file.open("ab+") as log:
        yield log


def read(root: Path) -> Iterator[dict[str, Any]]:
    """Yield the uses, oldest first; what cannot be read is named on stderr."""
    file = root / TEST_USES
    try:
        lines = read_file(file).splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        say(f"warning: {file} left out: {reason_of(error)}")
        return
    for number, line in enumerate(lines, start=1):
        try:
            use = parse_object(line)
        except ValueError:
            use = {}
        if all(isinstance(use.get(name), str) for name in FIELDS):
            yield use
        else:
            say(f"warning: {file}:{number} left out: torn")
