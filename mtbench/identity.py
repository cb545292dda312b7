"""The identity of a cell: everything that decides its numbers, and the keys made from it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mtbench import data
from mtbench.errors import PluginError
from mtbench.provenance import source_hash
from mtbench.registry import Entry, build_parameters, label, load_target
from mtbench.resolution import Resolved, TaskEntry
from mtbench.specs import CombinerSpec, EncoderSpec, HeadSpec, Spec, Target

NUMERICS = 1
"""Raised by hand when a change of the harness moves numbers; a pinned run in the tests notices."""

DEVICE = "cpu"
PRECISION = "float32"


class Identifier:
    """Identifies many cells; what they share (data, checkpoints, sources) is read once."""

    def __init__(self) -> None:
        self._fingerprints: dict[tuple[int, str | None], dict[str, str]] = {}
        self._weights: dict[str, str | None] = {}
        self._sources: dict[Target, str] = {}

    def identity(self, resolved: Resolved) -> dict[str, Any]:
        """Return everything that decides a cell's numbers, seed aside, and nothing else.

        Raises:
            UsageError: if data or a checkpoint are not where they should be.
            PluginError: if a component's source cannot be found.
        """
        entries = all_entries(resolved)
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


def all_entries(resolved: Resolved) -> dict[str, Entry]:
    """Return who brings each component of a cell, its tasks among them."""
    tasks = {f"tasks.{name}": task.entry for name, task in resolved.tasks.items()}
    return tasks | dict(resolved.entries)


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
