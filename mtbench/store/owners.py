"""Owners: which process trains a run, told by a file that others read without taking the lock."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

from pydantic import AwareDatetime, BaseModel

from mtbench.system.files import read_file, remove_what_is_no_file, write_json

OWNER = "owner.json"

RENEWED_SECONDS = 30
"""How often an owner renews its heartbeat."""

FORGOTTEN_SECONDS = 300
"""Age of a heartbeat from which its owner counts as gone, where nothing else can be told."""


class Owner(BaseModel):
    """The process that trains a run.

    Attributes:
        host, boot: its machine, and that machine's boot; empty where the system tells none.
        started: when the process started, in the system's own unit; None where it tells none.
        heartbeat: when the process last said that it is at work, in UTC.
    """

    host: str
    boot: str
    pid: int
    started: int | None
    heartbeat: AwareDatetime


@contextmanager
def owning(folder: Path) -> Iterator[None]:
    """Say in a run's folder, as long as the block lasts, that this process trains it."""
    file = folder / OWNER
    remove_what_is_no_file(file)
    _write(file)
    ended = Event()
    # A thread of its own, since no phase of a run (loading, a step, an evaluation) is sure to be
    # short. It draws no random number and calls nothing of torch, so that it moves none.
    heart = Thread(target=_renew, args=(file, ended), daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        file.unlink(missing_ok=True)


def owner_of(folder: Path) -> Owner | None:
    """Return the process that says that it trains a folder's run, if it is not known to be gone.

    On the owner's machine its process is looked for; elsewhere its heartbeat counts.
    """
    try:
        owner = Owner.model_validate_json(read_file(folder / OWNER))
    except (OSError, ValueError):
        return None
    if owner.started is not None and (owner.host, owner.boot) == (platform.node(), _boot()):
        return owner if _started(owner.pid) == owner.started else None
    age = (datetime.now(UTC) - owner.heartbeat).total_seconds()
    return owner if abs(age) < FORGOTTEN_SECONDS else None


def is_owned(folder: Path) -> bool:
    """Whether some process trains the run of a folder, as far as can be told."""
    return owner_of(folder) is not None


def seconds_alive() -> float:
    """Return how long this process has been there; where no system tells, its CPU seconds."""
    started = _started(os.getpid())
    if started is None:
        return time.process_time()
    ticks = os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started / ticks)


def _renew(file: Path, ended: Event) -> None:
    while not ended.wait(RENEWED_SECONDS):
        try:
            _write(file)
        except OSError as error:
            sys.stderr.write(f"the heartbeat in {file} is not renewed: {error}\n")


def _write(file: Path) -> None:
    pid = os.getpid()
    owner = Owner(
        host=platform.node(),
        boot=_boot(),
        pid=pid,
        started=_started(pid),
        heartbeat=datetime.now(UTC),
    )
    write_json(file, owner.model_dump(mode="json"))


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """Return when a process started; None where it has ended, or the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # a program's name may hold blanks
    return None if state in "ZX" else int(fields[18])
