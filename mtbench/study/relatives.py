"""Relatives: stored runs that differ from a planned one in a part of their identity."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mtbench.errors import SHOWN
from mtbench.store import Identity, Request, Store, StoredResult
from mtbench.study.identity import differing


class ScoredRun(NamedTuple):
    """A stored run."""

    request: Request
    result: StoredResult


@dataclass(frozen=True)
class Moved:
    """Why a run is not stored: one of its cell's name is, under another key.

    Attributes:
        key: of the run that is stored.
        parts: in which the identities differ, with dots, such as ``"code.combiner"``.
    """

    key: str
    parts: Sequence[str]

    @property
    def differing(self) -> str:
        """Name the parts, the first of many; what ``code`` holds of a component is its source."""
        named = [re.sub(r"^code\.", "source of ", part) for part in self.parts[:SHOWN]]
        return ", ".join([*named, *(["..."] if len(self.parts) > SHOWN else [])])


class Relatives:
    """The stored runs of a store; they are read when first asked for, and once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._by_rest: dict[tuple[frozenset[str], frozenset[str]], dict[str, list[ScoredRun]]] = {}

    @cached_property
    def runs(self) -> list[ScoredRun]:
        """All runs that have a score, in the order of their keys."""
        records = (self.store.run(key).record() for key in sorted(self.store.keys()))
        return [
            ScoredRun(record.request, record.result)
            for record in records
            if record.result is not None and record.request is not None
        ]

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, int], list[ScoredRun]]:
        named = defaultdict(list)
        for run in sorted(self.runs, key=ended, reverse=True):
            named[run.request.cell, run.request.seed].append(run)
        return named

    def but_for_data(self, identity: Identity, unread: Iterable[str]) -> list[ScoredRun]:
        """Return the runs that agree with an identity in all but the data of some tasks.

        Args:
            identity: without fingerprints of these tasks.
        """
        tasks, left_out = frozenset(identity.task_order), frozenset(unread)
        if (tasks, left_out) not in self._by_rest:
            by_rest = self._by_rest.setdefault((tasks, left_out), defaultdict(list))
            for run in self.runs:
                theirs = run.request.identity
                if theirs.data.keys() == tasks:
                    by_rest[theirs.without_data(left_out).text].append(run)
        return self._by_rest[tasks, left_out].get(identity.text, [])

    def nearest(
        self, cell: str, seed: int, identity: Identity, *, matrix: str | None = None
    ) -> Moved | None:
        """Return the run of a cell's name that differs in the fewest parts from an identity.

        Of several it is the one that ended last; None where there is none. Data without a
        fingerprint in the identity are not compared.

        Args:
            matrix: title of the one that it was trained for; None for any.
        """
        moved = [
            Moved(run.request.key, _differing(run.request.identity, identity))
            for run in self._by_name.get((cell, seed), ())
            if matrix in (None, run.request.matrix)
        ]
        return min((run for run in moved if run.parts), key=_distance, default=None)


def ended(run: ScoredRun) -> str:
    """Return when a run did."""
    return run.result.ended


def _differing(then: Identity, now: Identity) -> list[str]:
    unread = frozenset(now.task_order) - now.data.keys()
    return list(differing(dict(then.without_data(unread)), dict(now)))


def _distance(moved: Moved) -> int:
    return len(moved.parts)
