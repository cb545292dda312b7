"""The identity of a cell: everything that decides its numbers, and the keys made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from mtbench import data, devices
from mtbench.components.entries import Entry, build_parameters, calling, label, load_target
from mtbench.components.sources import source_hash, sources_hash
from mtbench.errors import MtbenchError, PluginError, UsageError, is_not_at_hand, users_mistakes
from mtbench.specs import CombinerSpec, EncoderSpec, HeadSpec, Spec, Target, TaskSpec
from mtbench.store.keys import canonical
from mtbench.study.resolution import Resolved, TaskEntry

NUMERICS = 2
"""Raised by hand when a change of the harness moves numbers; a pinned run in the tests notices."""


class Identifier:
    """Identifies many cells; what they share (data, checkpoints, sources) is read once."""

    def __init__(self) -> None:
        self._fingerprints: dict[tuple[int, str | None], dict[str, str]] = {}
        self._absent: dict[tuple[int, str | None], str] = {}
        self._weights: dict[str, str | None] = {}
        self._sources: dict[str | int, str] = {}
        self._code: dict[int, str] = {}

    def identity(
        self, resolved: Resolved, device: str, *, without: Container[str] = ()
    ) -> dict[str, Any]:
        """Return everything that decides a cell's numbers, seed aside, and nothing else.

        Args:
            device: that the cell is trained on; its type counts, its index does not.
            without: tasks whose data are not read; they have no fingerprints in it.

        Raises:
            UsageError: if data or a checkpoint are not where they should be.
            PluginError: if a component's source cannot be found.
        """
        encoder = resolved.entries["encoder"].spec
        assert isinstance(encoder, EncoderSpec)
        # A name as it was written may have a distribution; the sources tell them apart.
        config = _with_bare_names(resolved)
        config["encoder"] = {
            key: value for key, value in config["encoder"].items() if key not in encoder.locations
        }
        config["tasks"] = {
            name: _without_locations(config["tasks"][name], task.entry.spec)
            for name, task in resolved.tasks.items()
        }
        config["data"] = {key: value for key, value in config["data"].items() if key != "dir"}
        # Resolved into every head that names no dropout of its own.
        config["train"] = {k: value for k, value in config["train"].items() if k != "dropout"}
        return {
            "numerics": NUMERICS,
            "device": devices.type_of(device),
            "config": config,
            "task_order": list(resolved.tasks),
            "data": {
                name: self._data_fingerprints(name, task, resolved.config["data"]["dir"])
                for name, task in resolved.tasks.items()
                if name not in without
            },
            **self.components(resolved),
        }

    def absent_data(self, resolved: Resolved) -> dict[str, str]:
        """Return the tasks whose data are not at hand, and why.

        Raises:
            UsageError: if data are there and cannot be read.
            PluginError: if a task breaks on them.
        """
        folder = resolved.config["data"]["dir"]
        return {
            name: absence
            for name, task in resolved.tasks.items()
            if (absence := self._absence(name, task, folder))
        }

    def _absence(self, name: str, task: TaskEntry, folder: str | None) -> str:
        memo = (id(task), folder)
        if memo not in self._absent:
            absence = ""
            try:
                self._data_fingerprints(name, task, folder)
            except MtbenchError as error:
                if not is_not_at_hand(error):
                    raise
                absence = str(error)
            self._absent[memo] = absence
        return self._absent[memo]

    def components(self, resolved: Resolved) -> dict[str, Any]:
        """Return the part of the identity that the components are: first weights and code.

        Raises:
            UsageError: if a checkpoint is not where it should be.
            PluginError: if a component's source cannot be found.
        """
        code = {part: self._code_of(entry) for part, entry in all_entries(resolved).items()}
        return {"weights": self._weights_digest(resolved), "code": code}

    def _code_of(self, entry: Entry) -> str:
        """Return the digest of all code that a component brings, and of how it is handled."""
        if id(entry) not in self._code:
            spec = entry.spec
            targets = [spec.target, spec.parameters]
            if isinstance(spec, EncoderSpec):
                targets.append(spec.tokenizer)
            parts = [self._source(entry, target) for target in targets if target is not None]
            if spec.sources:
                with calling(entry):
                    parts.append(sources_hash(spec.sources))
            text = canonical([*parts, _handling(spec)])
            self._code[id(entry)] = hashlib.sha256(text.encode()).hexdigest()
        return self._code[id(entry)]

    def _source(self, entry: Entry, target: Target) -> str:
        memo = target if isinstance(target, str) else id(target)  # which may have no hash
        if memo not in self._sources:
            with calling(entry):
                self._sources[memo] = source_hash(target)
        return self._sources[memo]

    def _data_fingerprints(self, name: str, task: TaskEntry, folder: str | None) -> dict[str, str]:
        memo = (id(task), folder)
        if memo not in self._fingerprints:
            directory = Path(folder) if folder else None
            with calling(task.entry, "load"), users_mistakes():
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
            fingerprint = load_target(entry, spec.fingerprint)
            with calling(entry, "fingerprint"), users_mistakes():
                digest = fingerprint(parameters)
                if not isinstance(digest, str):
                    told = f"fingerprint returned {digest!r}, not a text"
                    raise PluginError(f"{label(entry)}: {told}")
            self._weights[memo] = digest
        return self._weights[memo]


def all_entries(resolved: Resolved) -> dict[str, Entry]:
    """Return who brings each component of a cell, its tasks among them."""
    tasks = {f"tasks.{name}": task.entry for name, task in resolved.tasks.items()}
    return tasks | dict(resolved.entries)


def _with_bare_names(resolved: Resolved) -> dict[str, Any]:
    """Return the configuration with ``name`` where ``distribution/name`` was written."""
    config = dict(resolved.config)
    for part, entry in all_entries(resolved).items():
        section, dot, task = part.partition(".")
        written = config[section][task] if dot else config[section]
        if written["name"] != entry.spec.name:
            bare = {**written, "name": entry.spec.name}
            config[section] = {**config[section], task: bare} if dot else bare
    return config


def _without_locations(component: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Return a task's parameters without its paths: what lies there has a fingerprint."""
    assert isinstance(spec, TaskSpec)
    return {key: value for key, value in component.items() if key not in spec.locations}


def check_unchanged(then: Mapping[str, Any], now: Mapping[str, Any], *, since: str) -> None:
    """Make sure that an identity, or a part of one, still holds.

    Args:
        then: the identity as it was stored.
        now: all of it, or some of its parts, as it is now.
        since: what happened then; it ends the message.

    Raises:
        UsageError: naming the parts that changed.
    """
    changed = list(differing({part: then.get(part) for part in now}, now))
    if changed:
        raise UsageError(f"{', '.join(changed)} changed since {since}")


def differing(then: Any, now: Any, part: str = "") -> Iterator[str]:
    """Yield the parts in which two identities differ, such as ``config.train.lr``, ``data.sst``.

    Args:
        part: that the two are of an identity; empty for the whole.
    """
    data_of_a_task = part.startswith("data.")
    if isinstance(then, Mapping) and isinstance(now, Mapping) and not data_of_a_task:
        for name in dict.fromkeys([*then, *now]):
            inner = f"{part}.{name}" if part else name
            yield from differing(then.get(name), now.get(name), inner)
    elif canonical(then) != canonical(now):
        yield part


def _handling(spec: Spec) -> str | None:
    """Return what a spec has the harness do that moves numbers, or None."""
    if isinstance(spec, HeadSpec):
        return spec.output
    if isinstance(spec, CombinerSpec):
        return f"{spec.needs}, observing" if spec.observes else spec.needs
    return None
