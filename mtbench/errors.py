"""Errors that a user can mend, and the exit codes of the command line."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process answers; the same for every command."""

    DONE = 0
    BUG = 1
    USAGE = 2
    RUNS_MISSING = 3
    REGRESSION = 4
    NOTHING_TO_COMPARE = 5
    PLUGIN_BROKEN = 6
    INTERRUPTED = 130


class MtbenchError(Exception):
    """An error that one clear line explains; the command line shows it without a traceback."""

    exit_code = ExitCode.USAGE


class UsageError(MtbenchError):
    """What the user gave cannot be used: a name, a value, a file.

    Attributes:
        settled: whether it is known to be the user's mistake; one that a component raises where
            the user gave it nothing is the component's fault.
    """

    settled = False


class NotAtHand(UsageError):
    """Data, or what reads them, are not on this machine; what is stored can be read without."""


def is_not_at_hand(error: BaseException) -> bool:
    """Whether data could not be read since they are not there, and not because they are broken.

    A task that does not say so may raise what Python does for a file or a package.
    """
    absent = FileNotFoundError | NotADirectoryError | ImportError
    return isinstance(error, NotAtHand) or isinstance(error.__cause__, absent)


class Incomplete(UsageError):
    """A value that has no default is not given, and nothing that is given is wrong.

    Args:
        missing: dotted keys of what is not given.
    """

    def __init__(self, message: str, *, missing: Sequence[str]) -> None:
        super().__init__(message)
        self.missing = missing


@contextmanager
def users_mistakes() -> Iterator[None]:
    """Have a ``UsageError`` that a component raises here count as the user's mistake.

    Here the user gave it something: parameters, data, a checkpoint.
    """
    try:
        yield
    except UsageError as error:
        error.settled = True
        raise


class PluginError(MtbenchError):
    """A plugin that is needed cannot be used.

    Args:
        part: of a cell that it is about, such as ``"heads.sts"``, where the message does not
            name the component behind it.
    """

    exit_code = ExitCode.PLUGIN_BROKEN

    def __init__(self, message: str, *, part: str = "") -> None:
        super().__init__(message)
        self.part = part


class RunsMissing(MtbenchError):
    """Some runs failed, or are not there."""

    exit_code = ExitCode.RUNS_MISSING


class NothingToCompare(MtbenchError):
    """Nothing was measured, so nothing can be shown or compared."""

    exit_code = ExitCode.NOTHING_TO_COMPARE


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like the given one, or None where none does."""
    words = {word.lower(): word for word in known}
    matches = difflib.get_close_matches(given.lower(), words, n=1, cutoff=0.65)
    return words[matches[0]] if matches else None


SHOWN = 10
"""Words, cells or runs that a message names at most."""


TOLD = 3
"""Reasons that a line tells where a table has all."""


def first(reasons: Sequence[str]) -> str:
    """Join the first ``TOLD`` reasons, and say how many more there are."""
    more = f"; and {len(reasons) - TOLD} more" if len(reasons) > TOLD else ""
    return "; ".join(reasons[:TOLD]) + more


def counted(number: int, thing: str) -> str:
    """Say how many things there are, such as ``2 runs``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


SEVERAL = "; several values make an axis: --axis KEY=V1,V2"
"""Is said of a text with a comma that cannot be one value."""


def unknown(what: str, given: str, known: Iterable[str], *, where: str = "") -> UsageError:
    """Say in one line what was given, what is nearest and what is known.

    Args:
        what: the kind of thing, such as ``"head"``.
        given: the word that is not known.
        known: the words that are; the first in the alphabet are shown.
        where: the place it was given, such as ``"[base]"``; empty where there is only one.
    """
    words = sorted(known)
    guess = nearest(given, words)
    mark = "; " if any("," in word for word in words) else ", "  # names of cells hold commas
    shown = mark.join([*words[:SHOWN], *(["..."] if len(words) > SHOWN else [])])
    return UsageError(
        f"unknown {what} {given!r}"
        + (f" in {where}" if where else "")
        + (f"; did you mean {guess!r}?" if guess else "")
        + (f" (known: {shown})" if words else " (none is known)")
        + (SEVERAL if words and {*given.split(",")} <= {*words} and given not in words else "")
    )
