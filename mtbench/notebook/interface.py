"""The interface for Python: the commands as functions, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtbench.board.standings import leaderboard as read
from mtbench.devices import AUTO
from mtbench.evidence.outcomes import readable
from mtbench.notebook import values
from mtbench.notebook.arguments import STORE, MatrixLike, Place, read_arguments
from mtbench.notebook.views import LeaderboardView, PlanView, score_records
from mtbench.study.plan import Plan
from mtbench.study.progress import observing, silent, watching
from mtbench.study.relatives import Relatives
from mtbench.study.run_states import explained
from mtbench.study.study import ablate as train
from mtbench.study.study import estimate


def plan(
    matrix: MatrixLike,
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
) -> PlanView:
    """Return the runs of a matrix: stored, to do, and those that cannot be.

    Args:
        matrix: its file, the folder of that, a dict with what such a file holds, or a ``Matrix``.
            A ``mtbenchfile.py`` beside the file is a plugin; for a dict, that of the working
            directory.
        data: folder of the data sets; over ``data.dir`` and ``MTBENCH_DATA``.
        store: folder of the stored runs.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        set: dotted keys to values that hold in every cell.
        axes: dotted keys to lists of values: further axes, or other values for one of the file.
        seeds: how many.
        cells: keeps the cells with such names, as ``-k`` does: ``"a and not b"``.
        plugins: Python files that are plugins.
        blocked: names of plugins that are left out.

    Raises:
        UsageError: if something that was given does not fit; the message is one line.
        PluginError: if a plugin that every cell needs is broken.
    """
    study = read_arguments(
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
    made, relatives = study.plan(), Relatives(study.store)
    return PlanView(explained(made, relatives), estimate(made, relatives))


def leaderboard(
    matrix: MatrixLike,
    *,
    data: Place | None = None,
    store: Place = STORE,
    device: str = AUTO,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the command line has it
    axes: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
    reference: str | None = None,
    cells: str | None = None,
    plugins: Place | Iterable[Place] = (),
    blocked: str | Iterable[str] = (),
) -> LeaderboardView:
    """Return the leaderboard of what is stored of a matrix, and train nothing.

    Args and errors are those of ``plan``; ``reference`` is the cell that all others are compared
    with, None for what the matrix says. Runs that failed or are missing raise nothing: the
    table says which, and ``.plan.check_complete()`` raises.
    """
    study = read_arguments(
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
        reference=reference,
    )
    return _view(study.plan())


def ablate(
    matrix: MatrixLike,
    *,
    data: Place | None = None,
    store: Place = STORE,
    device: str = AUTO,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the command line has it
    axes: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
    reference: str | None = None,
    cells: str | None = None,
    plugins: Place | Iterable[Place] = (),
    blocked: str | Iterable[str] = (),
    jobs: int | None = None,
    progress: bool = True,
) -> LeaderboardView:
    """Train what is not stored of a matrix, each run in a process of its own.

    Args and errors are those of ``plan``. A run that fails raises nothing, nor does one cell that
    a plugin breaks: the others go on, the table says what happened, and
    ``.plan.check_complete()`` raises.

    Args:
        reference: as for ``leaderboard``.
        jobs: runs at a time; None for as many as the cores can take, one on a CUDA device.
        progress: whether to show it: bars on a terminal and in a notebook that has ipywidgets,
            else lines on stderr.

    Raises:
        UsageError: also if the device is not there.

    Returns:
        The leaderboard, as it then stands.
    """
    at_a_time = None if jobs is None else values.count("jobs", jobs)
    study = read_arguments(
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
        reference=reference,
    )
    after = train(
        study.matrix,
        study.registry,
        study.store,
        study.overrides,
        study.expression,
        observer=watching(observing if progress else silent, study.warn, study.store, at_a_time),
        device=study.device,
        jobs=at_a_time,
        plugins=study.files,
        blocked=study.blocked,
    )
    return _view(after)


def _view(made: Plan) -> LeaderboardView:
    made = readable(made)
    return LeaderboardView(read(made), made, score_records(made))
