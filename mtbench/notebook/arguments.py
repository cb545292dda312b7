"""The arguments of the interface for Python: what a script gives, as the harness takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtbench.components.plugin_files import tell, with_file_beside
from mtbench.components.registry import Registry
from mtbench.components.validation import validate
from mtbench.devices import choose
from mtbench.matrix.file import Matrix
from mtbench.matrix.overrides import Overrides
from mtbench.notebook import values
from mtbench.notebook.warner import Warner
from mtbench.store import Store
from mtbench.study.plan import Plan
from mtbench.study.study import make_plan

Place = str | Path
MatrixLike = Place | Mapping[str, Any] | Matrix

STORE = ".mtbench"
UNTITLED = "untitled"


@dataclass(frozen=True)
class Asked:
    """What a caller asks for.

    Attributes:
        overrides: what is laid over the matrix.
        expression: keeps the cells whose names it fits, or None.
        device: ``"cpu"`` or ``"cuda:<index>"``.
        files: plugin files, that beside the matrix among them.
        blocked: names of plugins that are left out.
        warn: says something to the caller.
    """

    matrix: Path | Matrix
    registry: Registry
    store: Store
    overrides: Overrides
    expression: str | None
    device: str
    files: Sequence[Path]
    blocked: Sequence[str]
    warn: Callable[[str], None] = field(default_factory=Warner)

    def plan(self) -> Plan:
        """Return the plan of it."""
        return make_plan(
            self.matrix,
            self.registry,
            self.store,
            self.overrides,
            self.expression,
            device=self.device,
            stored_only=True,
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
    reference: str | None = None,
) -> Asked:
    """Return what the arguments that all functions share come to; see ``interface.plan``.

    Warns of every plugin that is broken.

    Raises:
        UsageError: if something that was given does not fit.
    """
    warn = Warner()
    table = _matrix(matrix)
    place = table if isinstance(table, Path) else Path()
    files = with_file_beside(values.paths("plugins", plugins), place)
    left_out = values.texts("blocked", blocked)
    return Asked(
        matrix=table,
        registry=load_plugins(files, left_out, warn),
        store=Store(values.path("store", store)),
        overrides=read_overrides(settings, axes, seeds, data, reference),
        expression=read_expression(cells),
        device=choose(values.text("device", device)),
        files=files,
        blocked=left_out,
        warn=warn,
    )


def load_plugins(
    files: Sequence[Path], blocked: Sequence[str], warn: Callable[[str], None]
) -> Registry:
    """Load all plugins but those that are blocked, and warn of every one that is broken.

    Raises:
        UsageError: if a file or a name does not fit.
    """
    tell(files, blocked)
    registry = Registry.load(files, blocked)
    registry.check_blocked(blocked)
    registry.tell(warn)
    return registry


def _matrix(given: MatrixLike) -> Path | Matrix:
    """Return a path, or a matrix with a title."""
    if isinstance(given, str | Path):
        return values.path("matrix", given)
    if isinstance(given, Matrix):
        matrix = given
    else:
        matrix = validate(Matrix, values.plain(given), where="matrix")
    return matrix.model_copy(update={"title": matrix.title or UNTITLED})


def read_overrides(
    settings: Mapping[str, Any] | None,
    axes: Mapping[str, Sequence[Any]] | None,
    seeds: int | None,
    data: Place | None,
    reference: str | None = None,
) -> Overrides:
    """Return what is laid over a matrix, as plain Python has it.

    Raises:
        UsageError: if something does not fit: an axis is no list of values, or an empty one, the
            seeds are no number.
    """
    chosen = values.plain(values.by_key("set", settings, '{"train.lr": 1e-4}'))
    if data is not None:
        chosen["data.dir"] = str(values.path("data", data))
    varied = values.by_key("axes", axes, '{"train.lr": [1e-3, 1e-4]}')
    return Overrides(
        set=chosen,
        axes={key: values.axis(key, given) for key, given in varied.items()},
        seeds=None if seeds is None else values.count("seeds", seeds),
        reference=None if reference is None else values.text("reference", reference),
    )


def read_expression(cells: str | None) -> str | None:
    """Return what keeps some cells.

    Raises:
        UsageError: if it is no text.
    """
    return None if cells is None else values.text("cells", cells)
