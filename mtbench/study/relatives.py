"""Relatives: stored runs that differ from a planned one in a part of their identity."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mtbench.errors import SHOWN
from mtbench.store import Store, canonical
from mtbench.study.identity import differing


@dataclass(frozen=True)
class Relative:
    """A stored run.

    Attributes:
        matrix, cell, seed: that it was trained for.
        ended: when, in UTC.
        identity: what its key was made from, seed aside.
    """

    key: str
    matrix: str
    cell: str
    seed: int
    ended: str
    identity: Mapping[str, Any]


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
        self._store = store
        self._by_rest: dict[tuple[frozenset[str], frozenset[str]], dict[str, list[Relative]]] = {}

    @cached_property
    def _all(self) -> list[Relative]:
        found = []
        for key in sorted(self._store.keys()):
            record = self._store.run(key).record()
            asked, result = record.request, record.result
            if record.state == "done" and asked is not None and result is not None:
                found.append(
                    Relative(
                        key,
                        asked["matrix"],
                        asked["cell"],
                        asked["seed"],
                        result["ended"],
                        asked["identity"],
                    )
                )
        return found

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, int], list[Relative]]:
        found = defaultdict(list)
        for run in sorted(self._all, key=lambda run: run.ended, reverse=True):
            found[run.cell, run.seed].append(run)
        return found

    def but_for_data(self, identity: Mapping[str, Any], unread: Container[str]) -> list[Relative]:
        """Return the runs that agree with an identity in all but the data of some tasks.

        Args:
            identity: without fingerprints of these tasks.
        """
        tasks = frozenset(identity["task_order"])
        left_out = frozenset(task for task in tasks if task in unread)
        if (tasks, left_out) not in self._by_rest:
            found = self._by_rest.setdefault((tasks, left_out), defaultdict(list))
            for run in self._all:
                if run.identity["data"].keys() == tasks:
                    found[canonical(without_data(run.identity, left_out))].append(run)
        return self._by_rest[tasks, left_out].get(canonical(identity), [])

    def nearest(
        self, cell: str, seed: int, identity: Mapping[str, Any], *, matrix: str | None = None
    ) -> Moved | None:
        """Return the run of a cell's name that differs in the fewest parts from an identity.

        Of several it is the one that ended last; None where there is none. Data without a
        fingerprint in the identity are not compared.

        Args:
            matrix: title of the one that it was trained for; None for any.
        """
        found = [
            Moved(run.key, _differing(run.identity, identity))
            for run in self._by_name.get((cell, seed), ())
            if matrix in (None, run.matrix)
        ]
        return min((moved for moved in found if moved.parts), key=_distance, default=None)


def _differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    unread = {*now["task_order"]} - now["data"].keys()
    return list(differing(without_data(then, unread), now))


def _distance(moved: Moved) -> int:
    return len(moved.parts)


def without_data(identity: Mapping[str, Any], tasks: Container[str]) -> dict[str, Any]:
    """Return an identity without the fingerprints of some tasks' data."""
    data = {task: splits for task, splits in identity["data"].items() if task not in tasks}
    return {**identity, "data": data}
