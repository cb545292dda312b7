"""Timings: a file for what the steps of a cell took on a machine."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, PositiveInt

from mtbench.store.fields import Fields, Versioned
from mtbench.store.keys import canonical
from mtbench.store.records import Identity
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
        """The name of its file."""
        return timing_key(self.identity, self.machine, self.device)


def timing_key(identity: Identity, machine: Mapping[str, Any], device: Mapping[str, str]) -> str:
    """Return the key of a timing: SHA-256 over a cell's identity, without a seed, and machine.

    Args:
        device: as ``devices.hardware`` tells it.
    """
    text = canonical([dict(identity), comparable(machine, device)])
    return hashlib.sha256(text.encode()).hexdigest()


def comparable(machine: Mapping[str, Any], device: Mapping[str, str]) -> dict[str, Any]:
    """Return what decides how fast a machine is, with one of its devices."""
    kept = {key: value for key, value in machine.items() if key != "python"}
    return {**kept, "device": dict(device)}


def write(folder: Path, timing: StoredTiming) -> None:
    """Store what a cell's steps took, in the place of an older timing of it.

    Raises:
        OSError: if it cannot be written.
    """
    write_json(folder / f"{timing.key}.json", timing.model_dump())


def read(folder: Path) -> dict[str, StoredTiming]:
    """Return all timings by key; those that are torn or older are named on stderr."""
    timings, left_out = {}, []
    for file in sorted(folder.glob("[!.]*.json")):
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
            f"warning: {folder / left_out[0]}{more} left out: torn, or written by "
            "another version of mtbench ('mtbench bench MATRIX' measures anew)"
        )
    return timings
