"""The arguments of the interface for Python: what a script gives, as the harness takes it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtbench.devices import choose
from mtbench.errors import UsageError
from mtbench.matrix.file import Matrix
from mtbench.matrix.overrides import Overrides
from mtbench.planning import Plan
from mtbench.plugin_files import file_beside
from mtbench.registry import Registry
from mtbench.store import Store
from mtbench.study import make_plan
from mtbench.validation import validate

Place = str | Path
MatrixLike = Place | Mapping[str, Any] | Matrix

UNTITLED = "untitled"
CALLER = 4
"""Frames from a warning here to whoever called the function of the interface."""


@dataclass(frozen=True)
class Asked:
    """What a caller asks for.

    Attributes:
        overrides: what is laid over the matrix.
        expression: keeps the cells whose names it fits, or None.
        device: ``"cpu"`` or ``"cuda:<index>"``.
        files: plugin files, that beside the matrix among them.
        blocked: names of plugins that are left out.
    """

    matrix: Path | Matrix
    registry: Registry
    store: Store
    overrides: Overrides
    expression: str | None
    device: str
    files: Sequence[Path]
    blocked: Sequence[str]

    def plan(self) -> Plan:
        """Return the plan of it."""
        return make_plan(
            self.matrix,
            self.registry,
            self.store,
            self.overrides,
            self.expression,
            device=self.device,
        )


def read_arguments(
    matrix: MatrixLike,
    *,
    data: Place | None,
    store: Place,
    device: str,
    settings: Mapping[str, Any] | None,
    axes: Mapping[str, Sequence[Any]] | None,
    seeds: int | None,
    cells: str | None,
    plugins: Place | Iterable[Place],
    blocked: str | Iterable[str],
) -> Asked:
    """Return what the arguments that all functions share come to; see ``interface.plan``.

    Warns of every plugin that is broken.

    Raises:
        UsageError: if something that was given does not fit.
    """
    table = _matrix(matrix)
    loaded = load_plugins(table if isinstance(table, Path) else Path(), plugins, blocked)
    return Asked(
        matrix=table,
        registry=loaded.registry,
        store=Store(Path(store)),
        overrides=read_overrides(settings or {}, axes or {}, seeds, data),
        expression=cells,
        device=choose(device),
        files=loaded.files,
        blocked=loaded.blocked,
    )


@dataclass(frozen=True)
class Loaded:
    """The plugins that a caller asks for, the file beside the matrix among ``files``."""

    registry: Registry
    files: Sequence[Path]
    blocked: Sequence[str]


def load_plugins(
    matrix: Path, plugins: Place | Iterable[Place], blocked: str | Iterable[str]
) -> Loaded:
    """Load all plugins but those that are blocked, and warn of every one that is broken.

    Args:
        matrix: its file, or the folder of that or of a ``mtbenchfile.py``.

    Raises:
        UsageError: if a file or a name does not fit.
    """
    given = [plugins] if isinstance(plugins, str | Path) else plugins
    files = [*map(Path, given), *file_beside(matrix)]
    left_out = [blocked] if isinstance(blocked, str) else list(blocked)
    registry = Registry.load(files, left_out)
    registry.check_blocked(left_out)
    for problem in registry.problems:
        warnings.warn(f"broken plugin {problem}", stacklevel=CALLER)
    return Loaded(registry, files, left_out)


def _matrix(given: MatrixLike) -> Path | Matrix:
    """Return a path, or a matrix with a title."""
    if isinstance(given, str | Path):
        return Path(given)
    matrix = given if isinstance(given, Matrix) else validate(Matrix, given, where="matrix")
    return matrix.model_copy(update={"title": matrix.title or UNTITLED})


def read_overrides(
    settings: Mapping[str, Any],
    axes: Mapping[str, Sequence[Any]],
    seeds: int | None,
    data: Place | None,
) -> Overrides:
    """Return what is laid over a matrix.

    Raises:
        UsageError: if an axis is no list of values, or the seeds are no number.
    """
    if seeds is not None:
        check_count("seeds", seeds)
    for key, values in axes.items():
        if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
            raise UsageError(f"axes: {key}: expected a list of values (given: {values!r})")
    folder = {} if data is None else {"data.dir": str(data)}
    return Overrides(
        set={**settings, **folder},
        axes={key: list(values) for key, values in axes.items()},
        seeds=seeds,
    )


def check_count(name: str, given: Any) -> None:
    """Make sure that a number of seeds, of runs, is one.

    Raises:
        UsageError: if it is none.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise UsageError(f"{name}: expected a number from 1 (given: {given!r})")
