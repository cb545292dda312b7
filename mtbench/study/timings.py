"""Timings: what a step of each cell takes, as ``bench`` measures, shows and stores it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mtbench.matrix.configuration import Config
from mtbench.store import Identity, Store, StoredTiming, TimedRun
from mtbench.store.timings import write_timing


@dataclass(frozen=True)
class TimedStep:
    """One timed step, and the matrix products that were timed after it.

    Attributes:
        seconds: of the step.
        computing: of them, those inside gradients, combiner and optimiser; None on a GPU, which
            computes while the harness goes on.
        tokens: that went through the encoder.
        flops, product_seconds: of the matrix products.
    """

    seconds: float
    computing: float | None
    tokens: int
    flops: int
    product_seconds: float


@dataclass(frozen=True)
class Footprint:
    """What a cell's process tells of itself at the end.

    Attributes:
        flops_per_token: operations in the matrix products of a step, a token of it.
        peak_mb: largest resident size of the process; None where the system does not tell.
        peak_device_mb: most that torch had allocated on the GPU; None without one.
        precision: of the forward passes, in which most matrix products are computed.
        run_steps: steps of a whole run.
        loading_s: seconds from the start of a run's process until its first step.
        evaluation_s: seconds of all evaluations of a run, reckoned from a part of dev.
    """

    flops_per_token: float
    peak_mb: float | None
    peak_device_mb: float | None
    precision: str
    run_steps: int
    loading_s: float
    evaluation_s: float


@dataclass(frozen=True, kw_only=True)
class Timing(Footprint):
    """What a step of a cell takes.

    Attributes:
        step_ms_median, step_ms_spread: median and interquartile range, in milliseconds.
        tokens_per_s: median over the steps.
        matmul_gflops: median rate of matrix products of the encoder's shapes, in 1e9 operations
            a second; None for an encoder without linear layers.
        matmul_share: the rate at which a step does its matrix products, over that one.
        harness_share: part of the steps outside gradients, combiner and optimiser; None on a GPU.
        run_s: seconds of a whole run by itself, reckoned from all this.
    """

    step_ms_median: float
    step_ms_spread: float
    tokens_per_s: float
    matmul_gflops: float | None
    matmul_share: float | None
    harness_share: float | None
    run_s: float


@dataclass(frozen=True)
class MeasuredCell:
    """A cell of a bench: measured, failed (with its error and log), rejected, or broken."""

    name: str
    config: Config
    timing: Timing | None = None
    error: str | None = None
    log: str = ""
    rejection: str | None = None
    fault: str | None = None

    @property
    def status(self) -> str:
        if self.fault is not None:
            return "broken"
        if self.rejection is not None:
            return "rejected"
        return "done" if self.timing is not None else "failed"


@dataclass(frozen=True)
class Bench:
    """The cells of a matrix with their timings.

    Attributes:
        device: on which, as ``devices.hardware`` tells it.
        steps: that were timed, a cell.
    """

    title: str
    machine: Mapping[str, Any]
    device: Mapping[str, str]
    versions: Mapping[str, str]
    steps: int
    cells: Sequence[MeasuredCell]

    @property
    def matmul_gflops(self) -> float | None:
        """The median of the cells' rates."""
        timings = [cell.timing for cell in self.cells if cell.timing is not None]
        rates = [t.matmul_gflops for t in timings if t.matmul_gflops is not None]
        return statistics.median(rates) if rates else None


def summarise(samples: Sequence[TimedStep], footprint: Footprint) -> Timing:
    """Return the timing of at least one step."""
    seconds = [sample.seconds for sample in samples]
    tokens_per_s = statistics.median(sample.tokens / sample.seconds for sample in samples)
    rates = [s.flops / s.product_seconds for s in samples if s.product_seconds > 0]
    rate = statistics.median(rates) if rates else None
    step = statistics.median(seconds)
    computing = [s.computing for s in samples if s.computing is not None]
    return Timing(
        **asdict(footprint),
        step_ms_median=1e3 * step,
        step_ms_spread=1e3 * _interquartile_range(seconds),
        tokens_per_s=tokens_per_s,
        matmul_gflops=None if rate is None else rate / 1e9,
        matmul_share=None if rate is None else footprint.flops_per_token * tokens_per_s / rate,
        harness_share=1 - sum(computing) / sum(seconds) if computing else None,
        run_s=footprint.loading_s + footprint.run_steps * step + footprint.evaluation_s,
    )


def _interquartile_range(values: Sequence[float]) -> float:
    if len(values) == 1:
        return 0.0
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return upper - lower


def store_timings(store: Store, bench: Bench, identities: Iterable[Identity | None]) -> None:
    """Store the timings of a bench, one file a cell, under keys without a seed.

    Args:
        identities: of the bench's cells, in their order; None of one that was not measured.

    Raises:
        UsageError: if the store cannot be written.
    """
    for cell, identity in zip(bench.cells, identities, strict=True):
        if cell.timing is None or identity is None:
            continue
        timing = StoredTiming(
            cell=cell.name,
            config=cell.config,
            identity=identity,
            machine=dict(bench.machine),
            device=dict(bench.device),
            versions=dict(bench.versions),
            steps=bench.steps,
            timing=TimedRun(**asdict(cell.timing)),
        )
        write_timing(store, timing)
