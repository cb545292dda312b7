"""The set-up of a study: what commands, scripts and tests say of it, checked when it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
)

from mtbench.components.plugin_files import with_file_beside
from mtbench.components.registry import Registry
from mtbench.components.validation import (
    Count,
    Plain,
    convert,
    in_one_line,
    validate,
    within_bounds,
)
from mtbench.devices import AUTO, choose
from mtbench.errors import UsageError
from mtbench.matrix.file import Matrix, read_matrix
from mtbench.matrix.overrides import Overrides
from mtbench.store import Store
from mtbench.system.bounds import check_path
from mtbench.system.warner import Warner

UNTITLED = "untitled"


Place = Annotated[Path, Plain, AfterValidator(check_path)]
Text = Annotated[str, Plain]
Axis = Annotated[list[Any], Plain, AfterValidator(within_bounds), Field(min_length=1)]


def _matrix(value: Any) -> Path | Matrix | None:
    """Return a path, a matrix with a title, or None."""
    if value is None:
        return None
    if isinstance(value, str | Path):
        return check_path(Path(value))
    matrix = (
        value
        if isinstance(value, Matrix)
        else validate(Matrix, within_bounds(value), where="matrix")
    )
    return matrix.model_copy(update={"title": matrix.title or UNTITLED})


def _store(value: Any) -> Store:
    return value if isinstance(value, Store) else Store(convert(Place, value, where="store"))


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


class Setup(BaseModel):
    """What a study is of, and where and with what it is trained.

    Attributes:
        matrix: its file, the folder of that, a dict with what such a file holds, or a ``Matrix``;
            None for none. A ``mtbenchfile.py`` beside the file is a plugin; where there is no
            file, that of the working directory.
        store: folder of the stored runs.
        data: folder of the data sets; over ``data.dir`` and ``MTBENCH_DATA``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; here as ``devices.choose``
            returns it.
        set: dotted keys to values that hold in every cell.
        axes: dotted keys to lists of values: further axes, or other values for one of the file.
        seeds: how many; None for what the matrix says.
        cells: keeps the cells with such names, as ``-k`` does: ``"a and not b"``.
        plugins: Python files that are plugins, one or several.
        blocked: names of plugins that are left out, one or several.
        reference: the cell that all others are compared with; None for what the matrix says.
        warn: is told what is wrong and stops nothing; None for Python's warnings.

    Raises:
        UsageError: if something that was given does not fit, or a name is unknown; the message
            is one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    matrix: Annotated[Path | Matrix | None, PlainValidator(_matrix)] = None
    store: Annotated[Store, PlainValidator(_store)] = Store(Path(".mtbench"))
    data: Place | None = None
    device: Annotated[Text, AfterValidator(choose)] = Field(AUTO, validate_default=True)
    set: Annotated[dict[str, Any], Plain] = {}
    axes: Annotated[dict[str, Axis], Plain] = {}
    seeds: Count | None = None
    cells: Text | None = None
    plugins: Annotated[tuple[Place, ...], BeforeValidator(_several)] = ()
    blocked: Annotated[tuple[Text, ...], BeforeValidator(_several)] = ()
    reference: Text | None = None
    warn: Callable[[str], None] | None = None

    def __init__(self, matrix: Any = None, **given: Any) -> None:
        with in_one_line(type(self)):
            super().__init__(matrix=matrix, **given)

    @property
    def files(self) -> Sequence[Path]:
        """The plugin files, that beside the matrix among them."""
        place = self.matrix if isinstance(self.matrix, Path) else Path()
        return with_file_beside(self.plugins, place)

    @property
    def overrides(self) -> Overrides:
        """What is laid over the matrix."""
        folder = {} if self.data is None else {"data.dir": str(self.data)}
        return Overrides(self.set | folder, self.axes, self.seeds, self.reference)

    def of(self, matrix: Path | None) -> Self:
        """Return the same for another matrix, or for none."""
        return self.model_copy(update={"matrix": matrix})

    def warner(self) -> Callable[[str], None]:
        """Return what a call tells of what is wrong."""
        return self.warn or Warner()

    def load_plugins(self, warn: Callable[[str], None]) -> Registry:
        """Load the plugins, anew each time.

        Args:
            warn: as for ``Registry.open``.

        Raises:
            UsageError: if a file or a name does not fit.
        """
        return Registry.open(self.files, self.blocked, warn)

    def read_matrix(self) -> Matrix:
        """Return what the matrix holds.

        Raises:
            UsageError: if there is none, or its file cannot be read.
        """
        if self.matrix is None:
            raise UsageError("matrix: expected a file, a dict or a Matrix (given: none)")
        return self.matrix if isinstance(self.matrix, Matrix) else read_matrix(self.matrix)
