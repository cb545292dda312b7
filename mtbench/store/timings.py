"""Timings: a file for what the steps of a cell took on a machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtbench.store.records import check_timing
from mtbench.system.console import say
from mtbench.system.files import parse_object, read_file, write_json

FORMAT = 1
"""Raised by hand when the file of a timing changes; older ones are left out."""


def write(folder: Path, key: str, timing: Mapping[str, Any]) -> None:
    """Store what a cell's steps took, in the place of an older timing of it.

    Raises:
        OSError: if it cannot be written.
    """
    write_json(folder / f"{key}.json", {"format": FORMAT, **timing})


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return all timings by key; those that are torn or older are named on stderr."""
    timings, left_out = {}, []
    for file in sorted(folder.glob("[!.]*.json")):
        try:
            timing = parse_object(read_file(file))
            check_timing(timing)
        except (OSError, ValueError):
            timing = {}
        if timing.pop("format", None) == FORMAT:
            timings[file.stem] = timing
        else:
            left_out.append(file.name)
    if left_out:
        more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        say(
            f"warning: {folder / left_out[0]}{more} left out: torn, or written by "
            "another version of mtbench"
        )
    return timings
