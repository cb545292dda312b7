"""The identity of a cell: everything that decides its numbers, and the keys made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mtbench import data, devices
from mtbench.components.entries import Entry, build_parameters, calling, label, load_target
from mtbench.components.sources import source_hash, sources_hash
from mtbench.errors import MtbenchError, PluginError, UsageError, is_not_at_hand, users_mistakes
from mtbench.matrix.configuration import SLOTS, Config, in_key
from mtbench.specs import CombinerSpec, EncoderSpec, HeadSpec, Spec, Target, TaskSpec
from mtbench.store import Identity, canonical
from mtbench.study.resolution import Resolved, TaskEntry

NUMERICS = 3
"""Raised by hand when a change of the harness moves numbers; a pinned run in the tests notices."""


@dataclass(frozen=True)
class _Alike:
    """Cells that differ in nothing but ``train``: their identity, and its text around that.

    Attributes:
        resolved: one of them. The others share its tables, whose ids stand for them, so that
            these have to stay.
    """

    resolved: Resolved
    identity: Identity
    before: str
    after: str

    @classmethod
    def of(cls, resolved: Resolved, identity: Identity) -> Self:
        marked = identity.model_copy(update={"config": {**identity.config, "train": None}})
        # The last one: what a component may hold so comes before ``train``.
        before, _, after = marked.text.rpartition(_written_train(None))
        return cls(resolved, identity, before, after)


def _written_train(section: Config | None) -> str:
    return canonical({"train": section})[1:-1]


class Identifier:
    """Identifies many cells; what they share (data, checkpoints, sources) is read once."""

    def __init__(self) -> None:
        self._fingerprints: dict[tuple[int, str | None], dict[str, str]] = {}
        self._absent: dict[tuple[int, str | None], str] = {}
        self._weights: dict[str, str | None] = {}
        self._sources: dict[str | int, str] = {}
        self._code: dict[int, str] = {}
        self._alike: dict[tuple[Any, ...], _Alike] = {}
        self._trains: dict[str, tuple[Config, str]] = {}

    def identity(
        self, resolved: Resolved, device: str, *, without: Collection[str] = ()
    ) -> tuple[Identity, str]:
        """Return everything that decides a cell's numbers, seed aside, and nothing else.

        It comes with its text, from which keys are made.

        Args:
            device: that the cell is trained on; its type counts, its index does not.
            without: tasks whose data are not read; they have no fingerprints in it.

        Raises:
            UsageError: if data or a checkpoint are not where they should be.
            PluginError: if a component's source cannot be found.
        """
        config = resolved.config
        tables = [config[part] for part in (*SLOTS, "data")]
        tables += [*config["tasks"].values(), *config["heads"].values()]
        memo = device, tuple(config["tasks"]), tuple(without), *map(id, tables)
        if memo not in self._alike:
            identity = self._identity(resolved, device, without)
            self._alike[memo] = _Alike.of(resolved, identity)
        alike = self._alike[memo]
        train, written = self._train(config["train"])
        config = {**alike.identity.config, "train": train}
        identity = Identity.model_construct(**{**dict(alike.identity), "config": config})
        return identity, f"{alike.before}{written}{alike.after}"

    def _train(self, section: Config) -> tuple[Config, str]:
        """Return what counts of a section ``train``, and its text."""
        memo = repr(section)
        if memo not in self._trains:
            counting = in_key("train", section)
            self._trains[memo] = counting, _written_train(counting)
        return self._trains[memo]

    def _identity(self, resolved: Resolved, device: str, without: Collection[str]) -> Identity:
        config, entries = resolved.config, resolved.all_entries
        named = {
            section: {
                name: _bare(table, entries[f"{section}.{name}"].spec)
                for name, table in config[section].items()
            }
            for section in ("tasks", "heads")
        }
        return Identity(
            numerics=NUMERICS,
            device=devices.type_of(device),
            config={
                **named,
                **{slot: _bare(config[slot], entries[slot].spec) for slot in SLOTS},
                "train": self._train(config["train"])[0],
                "data": in_key("data", config["data"]),
            },
            task_order=list(resolved.tasks),
            data={
                name: self._data_fingerprints(name, task, config["data"]["dir"])
                for name, task in resolved.tasks.items()
                if name not in without
            },
            **self.components(resolved),
        )

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
        code = {part: self._code_of(entry) for part, entry in resolved.all_entries.items()}
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
        """Return the fingerprint of a cell's encoder, if it has one."""
        entry, table = resolved.entries["encoder"], resolved.config["encoder"]
        spec = entry.spec
        assert isinstance(spec, EncoderSpec)
        if spec.fingerprint is None:
            return None
        memo = repr(table)
        if memo not in self._weights:
            given = {key: value for key, value in table.items() if key != "name"}
            parameters = build_parameters(entry, given, where="encoder")
            fingerprint = load_target(entry, spec.fingerprint)
            with calling(entry, "fingerprint"), users_mistakes():
                digest = fingerprint(parameters)
                if not isinstance(digest, str):
                    message = f"fingerprint returned {digest!r}, not a text"
                    raise PluginError(f"{label(entry)}: {message}")
            self._weights[memo] = digest
        return self._weights[memo]


def _bare(table: Config, spec: Spec) -> Config:
    """Return name and parameters of a component without what moves no number.

    That are its locations, since what lies there has a fingerprint, and a distribution before the
    name, since the sources tell components apart.
    """
    locations = spec.locations if isinstance(spec, EncoderSpec | TaskSpec) else ()
    kept = {key: value for key, value in table.items() if key not in locations}
    return {**kept, "name": spec.name}


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
