"""Held-out discipline: how often test labels were read, for which runs, and what came out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mtbench.store import REQUEST, RunFolder, test_uses

Use = Mapping[str, Any]
"""A reading of test labels: ``time`` (UTC), ``run`` (the key), ``matrix``, ``cell``, ``seed``, the
``scores`` of each task on test, and their ``overall``."""


def check_log(folder: RunFolder) -> None:
    """Make sure that a use of test labels can be logged: before minutes of computing.

    Raises:
        UsageError: if the store of the run cannot be written.
    """
    store = folder.store
    store.check(store.root)
    with store.writing():
        test_uses.check(store.root)


def log_use(
    folder: RunFolder, scores: Mapping[str, Mapping[str, float | None]], overall: float | None
) -> None:
    """Add to the store of a run that its model was held against test labels.

    The scores are part of it: what was seen cannot be unseen, and who selects by them can be told.

    Raises:
        UsageError: if the store cannot be written.
    """
    request = folder.read(REQUEST) or {}
    folder.store.log_test_use(
        {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": folder.key,
            **{part: request.get(part) for part in ("matrix", "cell", "seed")},
            "scores": {task: dict(metrics) for task, metrics in scores.items()},
            "overall": overall,
        }
    )


def uses_of_study(folder: RunFolder) -> list[Use]:
    """Return the readings for all runs that were trained for a run's matrix, oldest first.

    A run that several matrices share counts for the one that trained it, whoever else shows it.
    """
    matrix = (folder.read(REQUEST) or {}).get("matrix")
    return [use for use in folder.store.test_uses() if use["matrix"] == matrix]


def told(uses: Sequence[Use], *, what: str = "") -> str:
    """Say in one line how often test labels were read; empty where they never were.

    Args:
        what: whose they are; without, the runs of the matrix that the first was trained for.
    """
    if not uses:
        return ""
    what = what or f"runs trained for {uses[0]['matrix']!r}"
    runs = len({use["run"] for use in uses})
    return f"test labels of {what} read {_times(len(uses))} so far ({_counted(runs, 'run')})"


def told_of_run(uses: Sequence[Use]) -> str:
    """Say how often test labels were read for one run, and when last."""
    return f"read {_times(len(uses))}, last at {uses[-1]['time']}" if uses else "never read"


def _times(number: int) -> str:
    return _counted(number, "time")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
