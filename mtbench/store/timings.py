"""Timings: a file for what the steps of a cell took on a machine."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, PositiveInt

from mtbench.store.fields import Fields, Versioned
from mtbench.store.keys import canonical
from mtbench.store.records import Identity
from mtbench.store.runs import Store
from mtbench.system.console import say
from mtbench.system.files import parse_object, read_file, write_json


class TimedRun(Fields):
    """What a whole run is reckoned to take; what else a timing tells is for people.

    Attributes:
        run_s: its seconds.
        loading_s: of them, those until the first step.
        evaluation_s: of them, those of all evaluations.
    """

    model_config = ConfigDict(extra="allow")

    run_s: float
    run_steps: PositiveInt
    loading_s: float
    evaluation_s: float


class StoredTiming(Versioned):
    """The file of a timing: what the steps of a cell took on a machine."""

    cell: str
    config: dict[str, Any]
    identity: Identity
    machine: dict[str, Any]
    device: dict[str, str]
    versions: dict[str, str]
    steps: PositiveInt
    timing: TimedRun

    @property
    def key(self) -> str:
        """The name of its file: SHA-256 over the identity, without a seed, and the machine."""
        text = canonical([dict(self.identity), comparable(self.machine, self.device)])
        return hashlib.sha256(text.encode()).hexdigest()


def comparable(machine: Mapping[str, Any], device: Mapping[str, str]) -> dict[str, Any]:
    """Return what decides how fast a machine is, with a device that ``hardware`` describes."""
    kept = {key: value for key, value in machine.items() if key != "python"}
    return {**kept, "device": dict(device)}


def write_timing(store: Store, timing: StoredTiming) -> None:
    """Store what a cell's steps took, in the place of an older timing of it.

    Raises:
        UsageError: if the store cannot be written.
    """
    store.check(store.timings)
    with store.writing():
        write_json(store.timings / f"{timing.key}.json", timing.model_dump())


def read_timings(store: Store) -> dict[str, StoredTiming]:
    """Return all timings by key; those that are torn or older are named on stderr."""
    timings, left_out = {}, []
    for file in sorted(store.timings.glob("[!.]*.json")):
        try:
            timing = StoredTiming.read(parse_object(read_file(file)), file.name)
            if timing.key != file.stem:
                raise ValueError("its identity and machine give another key")
            timings[file.stem] = timing
        except (OSError, ValueError):
            left_out.append(file.name)
    if left_out:
        more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        say(
            f"warning: {store.timings / left_out[0]}{more} left out: torn, or written by "
            "another version of mtbench ('mtbench bench MATRIX' measures anew)"
        )
    return timings
