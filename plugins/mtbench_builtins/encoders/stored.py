"""Tensors that a file of weights holds: their names, kinds and shapes, read without torch."""

import pickletools
import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mtbench.api import UsageError, check_there

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
"""Kinds of numbers that are weights as they stand, by their names in safetensors."""
WRAPPERS = {
    "module.": "DataParallel or DistributedDataParallel",
    "_orig_mod.": "torch.compile",
}
"""What wrappers of a model put before its tensors' names."""
WRAPPED = re.compile(r"(?:module\.|_orig_mod\.)+")
LISTED = 3
"""Names of tensors that a message tells."""


class Stored(NamedTuple):
    """What a file says of a tensor: ``kind`` of its numbers, such as ``"F32"``, and ``shape``."""

    kind: str
    shape: tuple[int, ...]


def read(file: Path) -> dict[str, Stored]:
    """Return the tensors of a ``.safetensors`` by their names; none of their numbers is read.

    Raises:
        UsageError: if the file is damaged, or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    check_there(file, "weights")
    try:
        with safe_open(file, framework="np") as stored:
            slices = {name: stored.get_slice(name) for name in stored.keys()}  # noqa: SIM118
            return {
                name: Stored(part.get_dtype(), tuple(part.get_shape()))
                for name, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        raise unreadable(file, error) from error


def unreadable(file: Path, error: Exception) -> UsageError:
    """Return the error, in one line, for a file that no weights can be read from."""
    reason = str(error).partition("\n")[0]
    return UsageError(f"{file}: no weights can be read from it ({reason})")


def names(file: Path) -> Collection[str] | None:
    """Return the names of a file's tensors; None where they cannot be told without torch.

    Of a ``.bin`` they are texts of its pickle, which is read and not run, beside other texts.

    Raises:
        UsageError: if a ``.safetensors`` is damaged.
    """
    status = file.stat()
    return _names_once((file.resolve(), status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=256)
def _names_once(version: tuple[Path, int, int]) -> Collection[str] | None:
    """Return the names: read once a process, unless the file's size or time changes."""
    file = version[0]
    if file.suffix == ".safetensors":
        return frozenset(read(file))
    try:
        with zipfile.ZipFile(file) as archive:
            [pickle] = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            operations = pickletools.genops(archive.read(pickle))
            return frozenset(text for _, text, _ in operations if isinstance(text, str))
    except (ValueError, OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile):
        return None


def refuse_wrapper(file: Path, found: Collection[str]) -> None:
    """Refuse tensors whose names have a wrapper's prefix.

    Raises:
        UsageError: if all of them have one: with names that were found, and what puts it there.
    """
    matches = [match for name in sorted(found) if (match := WRAPPED.match(name))]
    if matches and len(matches) == len(found):
        prefix = matches[0].group()
        likely = ", ".join(why for mark, why in WRAPPERS.items() if mark in prefix)
        raise UsageError(
            f"{file}: the tensors' names begin with {prefix!r} ({listed(found)}), as those of a "
            f"model that was wrapped ({likely}) do; save the state of the model within it"
        )


def refuse_integers(file: Path, tensors: Mapping[str, Stored]) -> None:
    """Refuse weights that are no numbers of floating point: nothing tells how to scale them.

    Raises:
        UsageError: if there is one, with its name and kind.
    """
    for name, tensor in sorted(tensors.items()):
        if tensor.kind not in FLOATS:
            raise UsageError(
                f"{file}: the tensor {name!r} is of kind {tensor.kind}; weights are of kind "
                f"{', '.join(sorted(FLOATS))}, and what scales quantised ones is not read"
            )


def listed(found: Collection[str]) -> str:
    """Return the first of some names as a list."""
    return ", ".join(sorted(found)[:LISTED]) + (", ..." if len(found) > LISTED else "")
