"""Length of the longest sequence that an encoder is given."""

from collections.abc import Mapping

from mtbench.api import UsageError

NO_LIMIT = 10**9
"""Tokens from which on a limit is none; the library transformers says 10^30 for that."""


def longest(max_tokens: int | None, limits: Mapping[str, float | None]) -> int | None:
    """Return how many tokens the longest sequence has; None for any number.

    Args:
        max_tokens: as was asked for; None for as many as there may be.
        limits: how many there may be by what says so; None, or ``NO_LIMIT`` and more,
            where that sets none.

    Raises:
        UsageError: if more are asked for than there may be.
    """
    known = {
        int(limit): where
        for where, limit in reversed(list(limits.items()))
        if limit is not None and limit < NO_LIMIT
    }
    least = min(known, default=None)
    if max_tokens is not None and least is not None and max_tokens > least:
        raise UsageError(f"max_tokens is {max_tokens}, but {known[least]} is {least}")
    return least if max_tokens is None else max_tokens
