"""Judgements for Python: ``compare`` and ``check`` as functions, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mtbench.comparison.addressed import compare_addresses
from mtbench.comparison.reader import Reader
from mtbench.components.plugin_files import with_file_beside
from mtbench.devices import AUTO, choose
from mtbench.errors import UsageError
from mtbench.gate.gatekeeper import Gatekeeper
from mtbench.notebook import values
from mtbench.notebook.arguments import (
    STORE,
    Place,
    load_plugins,
    read_arguments,
    read_expression,
    read_overrides,
)
from mtbench.notebook.judgement_views import CheckView, ComparisonView
from mtbench.notebook.warner import Warner
from mtbench.store import Store
from mtbench.study.progress import observing, silent


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
        a, b: a run (the start of its key, or its folder), a cell (``"MATRIX::CELL"``, or
            ``"STORE::CELL"``; a part of its name that no other has will do, and ``[seed 1]``
            behind it is that run alone), or a matrix or a store, whose cells are paired by their
            names. A ``b`` that starts with ``::`` is a cell of ``a``'s matrix or store.
        store_b: where the runs of ``b`` are stored, if elsewhere.
        examples: how many examples to show of each kind that flipped.

    The others are those of ``interface.plan``.

    Cells that a plugin broke, and runs that are missing, are a warning; the others are compared.

    Raises:
        UsageError: if something that was given does not fit.
        NothingToCompare: if nothing of a side is stored, or the sides have nothing in common.
        PluginError: if a plugin broke a cell that is asked for.
    """
    shown = values.count("examples", examples) if examples else 0
    named, left_out = values.paths("plugins", plugins), values.texts("blocked", blocked)
    warn = Warner()

    found = compare_addresses(
        Reader(
            partial(load_plugins, blocked=left_out, warn=warn),
            read_overrides(set, axes, seeds, data),
            read_expression(cells),
            choose(values.text("device", device)),
            partial(with_file_beside, named),
        ),
        str(values.path("a", a)),
        str(values.path("b", b)),
        Store(values.path("store", store)),
        None if store_b is None else Store(values.path("store_b", store_b)),
        examples=shown,
        data_dir=None if data is None else Path(data),
    )
    for problem in found.problems:
        warn(str(problem))
    return ComparisonView(found.comparisons)


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
    update: bool = False,
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
        update: whether the baseline is first written anew, of what is then stored; the study is
            held against itself.
        strict: whether what is inconclusive fails.
        extend: further seeds for the cells that are inconclusive, once.
        train: whether what is not stored is trained.
        jobs, progress: as for ``interface.ablate``.

    The others are those of ``interface.plan``.

    Raises:
        UsageError: if something that was given does not fit.
        NothingToCompare: if there is no baseline, or a gated metric is in no cell.
        RunsMissing: if the baseline is to be written, and a run failed or is missing.
        PluginError: if plugins break every cell; one is enough where the baseline is written.
    """
    if not isinstance(matrix, str | Path):
        raise UsageError("matrix: a check needs a file, beside which its baseline lies")
    if update and (strict or extend):
        raise UsageError("update: a study is not strict with itself: leave out strict and extend")
    at_a_time = None if jobs is None else values.count("jobs", jobs)
    further = values.count("extend", extend) if extend else 0
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
        observing if progress else silent,
        overrides=asked.overrides,
        expression=asked.expression,
        device=asked.device,
        jobs=at_a_time,
        plugins=asked.files,
        blocked=asked.blocked,
        train=train,
        folder=None if baseline is None else values.path("baseline", baseline),
    )
    if update:
        keeper.update()
    return CheckView(keeper.check(strict=strict, extend=further))
