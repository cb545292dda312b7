"""Test uses: a line each time that test labels were read, which nothing ever takes away."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedRandom

from filelock import FileLock

from mtbench.errors import counted
from mtbench.store.fields import Fields
from mtbench.store.files import LOCK
from mtbench.store.records import Scores
from mtbench.store.runs import RunFolder, Store
from mtbench.system.console import say
from mtbench.system.files import parse_object, read_file, reason_of

TEST_USES = "test_uses.jsonl"


class Use(Fields):
    """A reading of test labels.

    The scores are part of it: what was seen cannot be unseen, and who selects by them can be told.

    Attributes:
        time: in UTC.
        run: its key.
        matrix, cell, seed: that it was trained for.
        scores: of each task on test.
    """

    time: str
    run: str
    matrix: str
    cell: str
    seed: int
    scores: Scores
    overall: float | None


def check(store: Store) -> None:
    """Make sure that a use can be logged, as far as that can be told: before the computing.

    Raises:
        UsageError: if the store cannot be written.
    """
    store.check(store.root)
    with store.writing(), _opened(store):
        pass


def log(
    folder: RunFolder, scores: Mapping[str, Mapping[str, float | None]], overall: float | None
) -> None:
    """Add to the store of a run that its model was held against test labels.

    One process at a time does so.

    Raises:
        UsageError: if the store cannot be written.
    """
    request, store = folder.request(), folder.store
    use = Use(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        run=folder.key,
        matrix=request.matrix,
        cell=request.cell,
        seed=request.seed,
        scores={task: dict(metrics) for task, metrics in scores.items()},
        overall=overall,
    )
    line = use.model_dump_json().encode() + b"\n"
    with store.writing(), _opened(store) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a process died while it wrote
                line = b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _opened(store: Store) -> Iterator[BufferedRandom]:
    file = store.root / TEST_USES
    with FileLock(f"{file}.{LOCK}"), file.open("ab+") as log_file:
        yield log_file


def read(store: Store) -> Iterator[Use]:
    """Yield the uses, oldest first; what cannot be read is named on stderr."""
    file = store.root / TEST_USES
    try:
        lines = read_file(file).splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        say(f"warning: {file} left out: {reason_of(error)}")
        return
    for number, line in enumerate(lines, start=1):
        try:
            yield Use.read(parse_object(line), TEST_USES)
        except ValueError:
            say(f"warning: {file}:{number} left out: torn")


def of_runs(store: Store, keys: Collection[str]) -> list[Use]:
    """Return the readings for some runs, by their keys, oldest first."""
    return [use for use in read(store) if use.run in keys]


def of_study(folder: RunFolder) -> list[Use]:
    """Return the readings for all runs that were trained for a run's matrix, oldest first.

    A run that several matrices share counts for the one that trained it, whoever else shows it.
    """
    matrix = folder.request().matrix
    return [use for use in read(folder.store) if use.matrix == matrix]


def summary(uses: Sequence[Use], *, what: str = "") -> str:
    """Say in one line how often test labels were read; empty where they never were.

    Args:
        what: whose they are; without, the runs of the matrix that the first was trained for.
    """
    if not uses:
        return ""
    what = what or f"runs trained for {uses[0].matrix!r}"
    runs = len({use.run for use in uses})
    times = counted(len(uses), "time")
    return f"test labels of {what} read {times} so far ({counted(runs, 'run')})"


def summary_of_run(uses: Sequence[Use]) -> str:
    """Say how often test labels were read for one run, and when last."""
    return f"read {counted(len(uses), 'time')}, last at {uses[-1].time}" if uses else "never read"
