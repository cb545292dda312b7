"""Judgements for Python: ``compare`` and ``check`` as functions, for notebooks and scripts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mtbench.comparison.addresses import Reader, check_cells
from mtbench.comparison.record import compare_sides
from mtbench.devices import AUTO, choose
from mtbench.errors import UsageError
from mtbench.executors import Observer
from mtbench.gate.gatekeeper import Gatekeeper
from mtbench.notebook.arguments import (
    Place,
    check_count,
    load_plugins,
    read_arguments,
    read_overrides,
)
from mtbench.notebook.judgement_views import CheckView, ComparisonView
from mtbench.registry import Registry
from mtbench.store import Store

STORE = ".mtbench"


def compare(
    a: Place,
    b: Place,
    *,
    data: Place | None = None,
    store: Place = STORE,
    store_b: Place | None = None,
    device: str = AUTO,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the command line has it
    axes: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
    cells: str | None = None,
    plugins: Place | Iterable[Place] = (),
    blocked: str | Iterable[str] = (),
    examples: int = 0,
) -> ComparisonView:
    """Tell what differs between two cells, runs, matrices or stores.

    Args:
        a, b: a run (the start of its key), a cell (``"MATRIX::CELL"``, or ``"STORE::CELL"``), or
            a matrix or a store, whose cells are paired by their names. A ``b`` that starts with
            ``::`` is a cell of ``a``'s matrix or store.
        store_b: where the runs of ``b`` are stored, if elsewhere.
        examples: how many examples to show of each kind that flipped.

    The others are those of ``interface.plan``.

    Cells that a plugin broke, and runs that are missing, are a warning; the others are compared.

    Raises:
        UsageError: if something that was given does not fit.
        NothingToCompare: if nothing of a side is stored, or the sides have nothing in common.
        PluginError: if a plugin broke a cell that is asked for.
    """
    if examples:
        check_count("examples", examples)

    def registry(matrix: Path) -> Registry:
        return load_plugins(matrix, plugins, blocked).registry

    overrides = read_overrides(set or {}, axes or {}, seeds, data)
    reader = Reader(registry, overrides, cells, choose(device))
    other = None if store_b is None else Store(Path(store_b))
    sides = reader.both(str(a), str(b), Store(Path(store)), other)
    for side in sides:
        check_cells(side)
        if side.problem is not None:
            warnings.warn(str(side.problem), stacklevel=2)
    folder = None if data is None else Path(data)
    found = compare_sides(*sides, examples=examples, data_dir=folder)
    return ComparisonView(found)


def check(
    matrix: Place,
    *,
    data: Place | None = None,
    store: Place = STORE,
    device: str = AUTO,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the command line has it
    axes: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
    cells: str | None = None,
    plugins: Place | Iterable[Place] = (),
    blocked: str | Iterable[str] = (),
    baseline: Place | None = None,
    strict: bool = False,
    extend: int = 0,
    train: bool = True,
    jobs: int | None = None,
    progress: bool = True,
) -> CheckView:
    """Hold a study against its baseline, and train what is not stored.

    A regression raises nothing: see ``.report.verdict`` and ``.report.failed``.

    Args:
        matrix: the study's file, or the folder of that.
        baseline: its folder; None for that of the matrix.
        strict: whether what is inconclusive fails.
        extend: further seeds for the cells that are inconclusive, once.
        train: whether what is not stored is trained.
        jobs, progress: as for ``interface.ablate``.

    The others are those of ``interface.plan``.

    Raises:
        UsageError: if something that was given does not fit.
        NothingToCompare: if there is no baseline, or a gated metric is in no cell.
        PluginError: if plugins break every cell.
    """
    if not isinstance(matrix, str | Path):
        raise UsageError("matrix: a check needs a file, beside which its baseline lies")
    for name, count in (("jobs", jobs), ("extend", extend or None)):
        if count is not None:
            check_count(name, count)
    asked = read_arguments(
        matrix,
        data=data,
        store=store,
        device=device,
        settings=set,
        axes=axes,
        seeds=seeds,
        cells=cells,
        plugins=plugins,
        blocked=blocked,
    )
    keeper = Gatekeeper(
        Path(matrix),
        asked.registry,
        asked.store,
        _observing if progress else _silent,
        overrides=asked.overrides,
        expression=asked.expression,
        device=asked.device,
        jobs=jobs,
        plugins=asked.files,
        blocked=asked.blocked,
        train=train,
        folder=None if baseline is None else Path(baseline),
    )
    return CheckView(keeper.check(strict=strict, extend=extend))


@contextmanager
def _observing(total: int) -> Iterator[Observer]:
    from mtbench.cli.progress import observing

    with observing(total) as observer:
        yield observer


@contextmanager
def _silent(total: int) -> Iterator[Observer]:  # noqa: ARG001 - as the other one is called
    from mtbench.cli.progress import Silence

    yield Silence()
