"""Outputs: the files that a command is asked for, written whole or not at all."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from mtbench.errors import UsageError
from mtbench.system.files import renamed


def write_files(contents: Mapping[Path, str], *, option: str = "") -> None:
    """Write files, all of them or none; see ``write_bytes``.

    Raises:
        UsageError: if one cannot be written.
    """
    write_bytes({file: text.encode() for file, text in contents.items()}, option=option)


def write_bytes(contents: Mapping[Path, bytes], *, option: str = "") -> None:
    """Write files, all of them or none: none is renamed before the last one is written.

    Their folders are made. A file that is there and may not be written stays, though its folder
    would let it be replaced; of a link, what it leads to is written.

    Args:
        option: that asks for them, to be named in the error.

    Raises:
        UsageError: if one cannot be written.
    """
    with ExitStack() as renames:
        for file, content in contents.items():
            with _writing(file, option):
                place = _place(file)
                renames.enter_context(renamed(place)).write_bytes(content)
        with _writing(file, option):
            renames.close()


def check_writable(file: Path, *, option: str = "") -> None:
    """Make the folder of a file, and make sure that the file can be written there.

    Raises:
        UsageError: if not.
    """
    with _writing(file, option), TemporaryFile(dir=_place(file).parent):
        pass


@contextmanager
def _writing(file: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{option} {file}".strip()
        reason = error.strerror or error
        raise UsageError(f"{what}: cannot be written: {reason}") from None


def _place(file: Path) -> Path:
    """Return where a file lies, links followed, once its folder is made.

    Raises:
        OSError: if something else is in its way, or it may not be written.
    """
    place = Path(os.path.realpath(file))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _error(errno.ENOTDIR) from None
    if place.is_dir():
        raise _error(errno.EISDIR)
    folder = os.path.realpath(file.parent)
    # What /dev/stdout leads to, for one, may be a file; the shell would go on writing to it.
    of_system = folder == "/dev" or folder.startswith("/proc/")
    if of_system or (place.exists() and not place.is_file()):
        raise OSError("it is no file, but a device or a pipe")
    if place.exists() and not os.access(place, os.W_OK):
        raise _error(errno.EACCES)
    return place


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
