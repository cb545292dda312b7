"""The bench worker: a process that takes a cell's steps when it is told to, and times them."""

import copy
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

import torch

from mtbench import data, devices
from mtbench.bench.matmul import counting, distinct_weights, multiply, synchronise
from mtbench.components.attribution import naming
from mtbench.runs.runner import Run, RunData, load_data, prepare, read_splits
from mtbench.runs.worker import failure
from mtbench.store import RunFolder
from mtbench.store.history import peak_memory_mb
from mtbench.store.owners import seconds_alive
from mtbench.study.schedule import evaluation_steps
from mtbench.study.timings import Footprint, TimedStep
from mtbench.system.processes import orders as given_orders
from mtbench.training.evaluation import BATCH_TOKENS, predict
from mtbench.training.examples import TokenisedExamples
from mtbench.training.training import Trainer

SCORED_TOKENS = 2 * BATCH_TOKENS
"""Tokens of dev a task from which the time of an evaluation is reckoned: full batches."""

FIRST = 64
"""Examples that are predicted before: the first ones find cold caches."""


class TimedCell:
    """A cell whose steps are taken one by one.

    Args:
        folder: with the request of a run.
        steps: that will be taken; a shorter schedule is made longer.
        plugins: plugin files that are loaded.
        before: seconds that the process has taken so far.

    Attributes:
        entries: who brings each part of the cell.
    """

    def __init__(
        self, folder: Path, steps: int, plugins: Sequence[Path] = (), *, before: float = 0.0
    ) -> None:
        started = time.perf_counter()
        self._run = prepare(RunFolder(folder), plugins=plugins)
        self._loading = before + time.perf_counter() - started
        self.entries = self._run.entries
        with naming(self.entries):
            if self._run.cache is not None:
                self._load()  # most runs of a study find their token ids made
            started = time.perf_counter()
            self._data = self._load()
            self._trainer, self._run_steps = _trainer(self._run, self._data.training, steps)
        self._loading += time.perf_counter() - started
        model = self._run.assembled.model
        self._device = model.device
        self._weights = distinct_weights(model.encoder)
        self._precision = self._run.resolved.cell.train["precision"]
        self._flops = self._tokens = 0

    def _load(self) -> RunData:
        return load_data(self._run, read_splits(self._run))

    def warm_up(self) -> None:
        """Take a step and count its matrix products, then do those that are timed later."""
        with counting() as products:
            _, _, tokens = self._take()
        self._flops += products.get_total_flops()
        self._tokens += tokens
        self._multiply(tokens)

    def step(self) -> dict[str, Any]:
        """Take a step; then, with as many rows as it had tokens, the matrix products."""
        seconds, computing, tokens = self._take()
        flops, product_seconds = self._multiply(tokens)
        return asdict(TimedStep(seconds, computing, tokens, flops, product_seconds))

    def _multiply(self, tokens: int) -> tuple[int, float]:
        return multiply(self._weights, tokens, getattr(torch, self._precision))

    def _take(self) -> tuple[float, float | None, int]:
        """Take a step; return its seconds, those of them spent computing, and its tokens."""
        record = self._trainer.record
        tokens, computing = record.tokens, record.computing
        synchronise(self._device)
        started = time.perf_counter()
        self._trainer.step()
        synchronise(self._device)
        seconds = time.perf_counter() - started
        # On a GPU that clock stops when the work is handed over, not when it is done.
        spent = record.computing - computing if self._device.type == devices.CPU else None
        return seconds, spent, record.tokens - tokens

    def footprint(self) -> dict[str, Any]:
        """Return what else is to be told of the cell."""
        on_gpu = self._device.type == devices.CUDA
        # Read before anything is predicted: they are the training's own.
        peak = peak_memory_mb()
        peak_device = torch.cuda.max_memory_allocated(self._device) / 2**20 if on_gpu else None
        footprint = Footprint(
            flops_per_token=self._flops / self._tokens,
            peak_mb=peak,
            peak_device_mb=peak_device,
            precision=self._precision,
            run_steps=self._run_steps,
            loading_s=self._loading,
            evaluation_s=self._evaluation(),
        )
        return asdict(footprint)

    def _evaluation(self) -> float:
        """Reckon the seconds that a run's evaluations take from those of some examples."""
        evaluations = self._run.resolved.cell.train["evaluations"]
        times = len(evaluation_steps(self._run_steps, evaluations))
        total = 0.0
        model = self._run.assembled.model
        for task, dev in self._data.dev.items():
            count = math.ceil(SCORED_TOKENS / dev.lengths.mean())
            part = dev.part(data.sample(self._data.splits[task]["dev"], count).ids)
            predict(model, task, part.part(part.ids[:FIRST]))
            started = time.perf_counter()
            predict(model, task, part)
            seconds = time.perf_counter() - started
            scored = times * len(dev) + len(self._data.sample[task])
            total += seconds * scored / len(part)
        return total


def _trainer(
    run: Run, training: Mapping[str, TokenisedExamples], steps: int
) -> tuple[Trainer, int]:
    """Return a trainer with so many steps at least, and how many the run itself has."""
    train = run.resolved.cell.train
    balancer = copy.deepcopy(run.assembled.balancer)  # laying out a schedule moves one on
    trainer = Trainer(run.assembled, training, train, run.seed)
    count = len(trainer.steps)
    if count < steps:
        again = replace(run.assembled, balancer=balancer)
        longer = {**train, "steps": steps, "epochs": None}
        trainer = Trainer(again, training, longer, run.seed)
    return trainer, count


def serve(
    folder: str,
    steps: str,
    orders: Iterable[str],
    answers: TextIO,
    plugins: Sequence[str] = (),
    *,
    before: float = 0.0,
) -> None:
    """Answer each order, a line, with a line of JSON; an error is the last answer.

    The first answer comes unasked, when the cell is ready. Orders are the names of methods of
    ``TimedCell``: ``warm_up``, ``step``, ``footprint``; ``before`` is one of its arguments.
    """

    def answer(value: Mapping[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        cell = TimedCell(Path(folder), int(steps), list(map(Path, plugins)), before=before)
        answer({"status": "ready"})
        for line in orders:
            with naming(cell.entries):
                value = getattr(cell, line.strip())()
            answer({"status": "done", "value": value})
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin's exit is no silent end
        text = traceback.format_exc()
        sys.stderr.write(text)
        answer(failure(error, text).model_dump())


def main(folder: str, steps: str, *plugins: str) -> None:
    """Serve the process that started this one."""
    before = seconds_alive()
    # What libraries print goes to the log, and cannot be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with answers:
        serve(folder, steps, given_orders(), answers, plugins, before=before)


if __name__ == "__main__":
    main(*sys.argv[1:])
