"""Isolation: the kit in a process of its own, so that a component can end or hold up no other."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any

import torch

from mtbench.components.entries import Entry
from mtbench.components.registry import Registry
from mtbench.system.processes import without_result
from mtbench.testing.checks import Check, Subject
from mtbench.testing.conformance import CHECKS, Examination, Outcome, outcome_of

LIMIT = 300.0
"""Seconds after which a check that has not ended has failed."""


class Isolation:
    """A process in which checks run; one that it does not survive has failed, and a new one comes.

    Args:
        files: plugin files that it loads.
        blocked: names of plugins that it leaves out.
        limit: seconds that a check may take.
    """

    def __init__(
        self, files: Sequence[Path] = (), blocked: Sequence[str] = (), *, limit: float = LIMIT
    ) -> None:
        self._loaded = ([file.absolute() for file in files], list(blocked))
        self._limit = limit
        self._process: BaseProcess | None = None

    def close(self) -> None:
        """End the process, whatever a component does there."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
            self._connection.close()

    def examine(
        self, entry: Entry, folder: Path | None, parameters: Mapping[str, Any]
    ) -> Examination:
        """Return the checks of a component, to run there; what it prints goes to stderr.

        Args:
            entry: one that the process has too, by its address.
            folder: where the data lie that a task reads.
            parameters: laid over the spec's example.

        Raises:
            UsageError: if a parameter is not known, does not fit, or is needed and not there.
            PluginError: if what the spec says of its parameters or failures makes no sense.
        """
        subject = Subject.of(entry, folder=folder, **parameters)
        return Examination(subject, partial(self._outcome, entry, folder, parameters))

    def _outcome(
        self, entry: Entry, folder: Path | None, parameters: Mapping[str, Any], check: Check
    ) -> Outcome:
        address = f"{check.kind}:{entry.provider.distribution}/{entry.spec.name}"
        process = self._process or self._start()
        try:
            self._connection.send((check.name, address, folder, dict(parameters)))
            if self._connection.poll(self._limit):
                return Outcome(check, *self._connection.recv())
            problem = f"expected an end within {self._limit:g} s; came none"
        except (EOFError, OSError):
            process.join()
            how = without_result("the process", process.exitcode or 0)
            problem = f"expected an answer; came none: {how}"
        self.close()
        return Outcome(check, "failed", problem)

    def _start(self) -> BaseProcess:
        context = get_context("spawn")
        self._connection, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end, *self._loaded))
        self._process.start()
        far_end.close()
        with suppress(EOFError):  # of one that ends at once, as the first check will find
            self._connection.recv()  # that it is ready: no check is to answer for the start
        return self._process


def _serve(connection: Connection, files: Sequence[Path], blocked: Sequence[str]) -> None:
    """Run the checks that are asked for, until nobody is there to ask."""
    os.dup2(2, 1)  # stdout is the caller's table
    sys.stdout = sys.stderr
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the caller gets too, and ends this
    Thread(target=_end_with_the_caller, daemon=True).start()
    torch.set_num_threads(1)
    registry = Registry.load(files, blocked)
    connection.send(None)
    while True:
        name, address, folder, parameters = connection.recv()
        [entry] = registry.lookup(address)
        [check] = [check for check in CHECKS[entry.spec.kind] if check.name == name]
        outcome = outcome_of(check, Subject.of(entry, folder=folder, **parameters))
        connection.send((outcome.status, outcome.message, outcome.traceback))


def _end_with_the_caller() -> None:
    caller = parent_process()
    assert caller is not None  # it is the one that started this process
    caller.join()
    os._exit(1)
