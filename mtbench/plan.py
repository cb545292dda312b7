"""The plan of a matrix: the runs that are stored, those to do, those that cannot be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtbench import data
from mtbench.configuration import Config
from mtbench.errors import NothingToCompare, PluginError, RunsMissing, UsageError
from mtbench.matrix import NamedCell
from mtbench.provenance import source_hash
from mtbench.registry import Entry, Registry, build_parameters, label, load_target
from mtbench.resolution import Resolved, Resolver, TaskEntry
from mtbench.specs import CombinerSpec, EncoderSpec, HeadSpec, Spec, Target
from mtbench.store import State, Store

NUMERICS = 1
"""Raised by hand when a change of the harness moves numbers; a pinned run in the tests notices."""

DEVICE = "cpu"
PRECISION = "float32"


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed."""

    key: str
    seed: int
    state: State


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the plan.

    Attributes:
        config: the resolved configuration.
        runs: one a seed; none where the cell is rejected.
        rejection: why the cell cannot be, or None.
        identity: what the runs' keys were made from, seed aside.
        providers: distribution and version behind each component.
    """

    name: str
    note: str
    paper: Mapping[str, float]
    config: Config
    tasks: Mapping[str, TaskEntry]
    runs: Sequence[PlannedRun]
    rejection: str | None
    identity: Mapping[str, Any]
    providers: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """The runs of a matrix."""

    title: str
    seeds: Sequence[int]
    cells: Sequence[PlannedCell]

    def runs(self, *states: State) -> list[tuple[PlannedCell, PlannedRun]]:
        """Return the runs in one of the states, each key once, in the plan's order."""
        seen: dict[str, tuple[PlannedCell, PlannedRun]] = {}
        for cell in self.cells:
            for run in cell.runs:
                if not states or run.state in states:
                    seen.setdefault(run.key, (cell, run))
        return list(seen.values())

    def to_do(self) -> list[tuple[PlannedCell, PlannedRun]]:
        """Return the runs without a score; a failed one is tried again."""
        return self.runs("missing", "failed", "running")

    def check_complete(self) -> None:
        """Make sure that every run of the plan is stored.

        Raises:
            NothingToCompare: if there is no run, because every cell was rejected.
            RunsMissing: if a run failed or was not trained.
        """
        counts = self.counts()
        if not counts["runs"]:
            raise NothingToCompare("every cell was rejected; the table says why")
        missing = counts["runs"] - counts["stored"]
        if missing:
            raise RunsMissing(
                f"{missing} of {counts['runs']} runs have no score ({counts['failed']} failed); "
                "'mtbench status' lists the runs, 'mtbench status RUN --log' says why"
            )

    def counts(self) -> dict[str, int]:
        """Count cells, the cells that cannot be, and runs (each key once) by state."""
        runs = [run.state for _, run in self.runs()]
        return {
            "cells": len(self.cells),
            "rejected": sum(cell.rejection is not None for cell in self.cells),
            "runs": len(runs),
            "stored": runs.count("done"),
            "failed": runs.count("failed"),
            "running": runs.count("running"),
            "to_do": runs.count("missing"),
        }


class Planner:
    """Makes plans; what cells share (data, checkpoints, sources) is read once."""

    def __init__(self, registry: Registry, store: Store) -> None:
        self._resolver = Resolver(registry)
        self._store = store
        self._fingerprints: dict[tuple[int, str | None], dict[str, str]] = {}
        self._weights: dict[str, str | None] = {}
        self._sources: dict[Target, str] = {}

    def plan(self, title: str, cells: Sequence[NamedCell], seeds: Sequence[int]) -> Plan:
        """Resolve the cells and look up their runs.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be.
            PluginError: if a plugin that is needed is broken.
        """
        stored = self._store.keys()
        planned = [self._plan_cell(cell, seeds, stored) for cell in cells]
        return Plan(title, list(seeds), planned)

    def _plan_cell(self, cell: NamedCell, seeds: Sequence[int], stored: set[str]) -> PlannedCell:
        try:
            resolved = self._resolver.resolve(cell.config)
            identity = {} if resolved.rejection else self._identity(resolved)
        except UsageError as error:
            raise UsageError(f"cell {cell.name!r}: {error}") from error
        runs = []
        if not resolved.rejection:
            text = canonical(identity)
            keys = [(seed, run_key(text, seed)) for seed in seeds]
            runs = [
                PlannedRun(key, seed, self._store.run(key).state() if key in stored else "missing")
                for seed, key in keys
            ]
        return PlannedCell(
            name=cell.name,
            note=cell.note,
            paper=cell.paper,
            config=resolved.config,
            tasks=resolved.tasks,
            runs=runs,
            rejection=resolved.rejection,
            identity=identity,
            providers=_providers(resolved),
        )

    def _identity(self, resolved: Resolved) -> dict[str, Any]:
        """Return everything that decides a cell's numbers, and nothing else."""
        entries = _entries(resolved)
        encoder = entries["encoder"].spec
        assert isinstance(encoder, EncoderSpec)
        config = dict(resolved.config)
        config["encoder"] = {
            key: value for key, value in config["encoder"].items() if key not in encoder.locations
        }
        config["data"] = {key: value for key, value in config["data"].items() if key != "dir"}
        return {
            "numerics": NUMERICS,
            "device": DEVICE,
            "precision": PRECISION,
            "config": config,
            "task_order": list(resolved.tasks),
            "data": {
                name: self._data_fingerprints(name, task, resolved.config["data"]["dir"])
                for name, task in resolved.tasks.items()
            },
            "weights": self._weights_digest(resolved),
            "sources": {
                **{
                    part: self._source(entry, entry.spec.target) for part, entry in entries.items()
                },
                "tokenizer": self._source(entries["encoder"], encoder.tokenizer),
            },
            "handling": {
                part: handling
                for part, entry in entries.items()
                if (handling := _handling(entry.spec)) is not None
            },
        }

    def _source(self, entry: Entry, target: Target) -> str:
        if target not in self._sources:
            try:
                self._sources[target] = source_hash(target)
            except (ImportError, SyntaxError) as error:
                reason = f"{type(error).__name__}: {error}"
                raise PluginError(f"{label(entry)}: {reason}") from error
        return self._sources[target]

    def _data_fingerprints(self, name: str, task: TaskEntry, folder: str | None) -> dict[str, str]:
        memo = (id(task), folder)
        if memo not in self._fingerprints:
            directory = Path(folder) if folder else None
            self._fingerprints[memo] = {
                split: data.fingerprint(
                    data.load(task.task, split, directory, with_labels=True, name=name)
                )
                for split in ("train", "dev")
            }
        return self._fingerprints[memo]

    def _weights_digest(self, resolved: Resolved) -> str | None:
        entry = resolved.entries["encoder"]
        spec = entry.spec
        assert isinstance(spec, EncoderSpec)
        if spec.fingerprint is None:
            return None
        memo = repr(resolved.config["encoder"])
        if memo not in self._weights:
            given = {
                key: value for key, value in resolved.config["encoder"].items() if key != "name"
            }
            parameters = build_parameters(entry, given, where="encoder")
            self._weights[memo] = load_target(entry, spec.fingerprint)(parameters)
        return self._weights[memo]


def refreshed(plan: Plan, store: Store) -> Plan:
    """Return the plan with the states that its runs have by now."""
    return replace(
        plan,
        cells=[
            replace(
                cell,
                runs=[replace(run, state=store.run(run.key).state()) for run in cell.runs],
            )
            for cell in plan.cells
        ],
    )


def _entries(resolved: Resolved) -> dict[str, Entry]:
    """Return who brings each component of a cell, its tasks among them."""
    tasks = {f"tasks.{name}": task.entry for name, task in resolved.tasks.items()}
    return tasks | dict(resolved.entries)


def _providers(resolved: Resolved) -> dict[str, str]:
    return {
        part: f"{entry.provider.distribution} {entry.provider.version}".rstrip()
        for part, entry in _entries(resolved).items()
    }


def _handling(spec: Spec) -> str | None:
    """Return what a spec has the harness do that moves numbers, or None."""
    if isinstance(spec, HeadSpec):
        return spec.output
    return spec.needs if isinstance(spec, CombinerSpec) else None


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical(value: Any) -> str:
    """Write a value as JSON in the one way that a key is made from."""
    return _ENCODER.encode(value)


def run_key(identity: str, seed: int) -> str:
    """Return the key of a run: SHA-256 over the cell's canonical identity and the seed."""
    return hashlib.sha256(f"{identity}\n{seed}".encode()).hexdigest()
