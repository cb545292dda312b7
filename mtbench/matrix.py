"""The matrix file: a base configuration, axes and a design, to the cells they make."""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from mtbench.configuration import BUDGETS, Config, overlay
from mtbench.errors import UsageError, unknown
from mtbench.validation import validate

Seeds = Annotated[int, Field(gt=0)] | Annotated[list[int], Field(min_length=1)]


def dotted(table: Any) -> Any:
    """Flatten ``{heads: {sts: ...}}`` to ``{"heads.sts": ...}``: TOML takes both spellings.

    A table below a component, with a ``name`` or not, is a value and stays whole.
    """
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("heads", "train", "data") and isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat


def fully_dotted(table: Any) -> Any:
    """Flatten the tables of ``[axes]`` whole: an axis is a list, so each of them is a key."""
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in fully_dotted(value).items()}
        else:
            flat[key] = value
    return flat


class LadderStep(BaseModel):
    """A named step of a ladder; it inherits the step before.

    Attributes:
        name: of its cell.
        set: what it changes, dotted keys to values.
        note: a remark under the table.
        paper: published scores a task, and ``overall``.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    set: Annotated[dict[str, Any], BeforeValidator(dotted)] = {}
    note: str = ""
    paper: dict[str, float] = {}


class Matrix(BaseModel):
    """A matrix file.

    Attributes:
        title: heading of the leaderboard; where it is empty, the file's name, or its folder's
            if the file is called ``matrix.toml``.
        seeds: how many (0, 1, ...), or which.
        reference: the cell that the others are compared with; those of a ladder are compared with
            the step before where it is empty.
        design: ``"grid"``, every combination of the axes; ``"ladder"``, the steps in order.
        base: what all cells share.
        axes: dotted keys to the values they take.
        steps: of a ladder.
    """

    model_config = ConfigDict(extra="forbid")

    title: str = ""
    seeds: Seeds = 3
    reference: str = ""
    design: Literal["grid", "ladder"] = "grid"
    base: dict[str, Any]
    axes: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=1)]], BeforeValidator(fully_dotted)
    ] = {}
    steps: list[LadderStep] = []

    @field_validator("seeds")
    @classmethod
    def _no_seed_twice(cls, seeds: Seeds) -> Seeds:
        if isinstance(seeds, list) and len(set(seeds)) < len(seeds):
            raise ValueError("a seed is given twice")
        return seeds

    @model_validator(mode="after")
    def _parts_fit_design(self) -> Self:
        if self.design == "ladder" and not self.steps:
            raise ValueError('design = "ladder" needs [[steps]]')
        if self.design == "ladder" and self.axes:
            raise ValueError('[axes] belong to design = "grid"')
        if self.design != "ladder" and self.steps:
            raise ValueError('[[steps]] belong to design = "ladder"')
        names = [step.name for step in self.steps]
        if len(set(names)) < len(names):
            raise ValueError("two [[steps]] have one name")
        return self


@dataclass(frozen=True)
class Overrides:
    """What the command line lays over a matrix file.

    Attributes:
        set: dotted keys to values; they hold in every cell, whatever an axis or a step says.
        axes: further axes, or other values for an axis of the file.
        seeds: how many, in place of the file's.
    """

    set: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    seeds: int | None = None


NO_OVERRIDES = Overrides()


@dataclass(frozen=True)
class NamedCell:
    """A cell as the matrix writes it: not yet resolved.

    Attributes:
        note: a remark under the table.
        paper: published scores a task, and ``overall``.
        against: name of the cell that it is compared with; empty for none.
        levels: its place on each axis of a grid, by the axis's key.
    """

    name: str
    config: Config
    note: str = ""
    paper: Mapping[str, float] = field(default_factory=dict)
    against: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)


def read_matrix(path: Path) -> Matrix:
    """Read a matrix file, or the ``matrix.toml`` of a folder.

    Raises:
        UsageError: if it is not there, is no TOML, or has a key or a value that does not fit.
    """
    file = path / "matrix.toml" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such matrix file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: not valid TOML: {error}") from None
    matrix = validate(Matrix, table, where=str(file))
    name = file.resolve().parent.name if file.name == "matrix.toml" else file.stem
    return matrix.model_copy(update={"title": matrix.title or name})


def seeds(matrix: Matrix, overrides: Overrides = NO_OVERRIDES) -> list[int]:
    """Return the seeds that every cell is run with."""
    chosen = matrix.seeds if overrides.seeds is None else overrides.seeds
    return list(range(chosen)) if isinstance(chosen, int) else chosen


def cells(matrix: Matrix, overrides: Overrides = NO_OVERRIDES) -> list[NamedCell]:
    """Return the cells of a matrix, in its order.

    Raises:
        UsageError: if a key leads nowhere, an axis has a value twice, or axes are asked of a
            ladder.
    """
    both = overrides.set.keys() & {*overrides.axes, *map(_other_budget, overrides.axes)}
    if both:
        raise UsageError(f"--set and --axis contradict each other on {', '.join(sorted(both))}")
    # An axis of the command line varies what its --set has put there.
    varied = [key for key in overrides.set if any(a.startswith(f"{key}.") for a in overrides.axes)]
    base = overlay(overlay({}, matrix.base), {key: overrides.set[key] for key in varied})
    settings = {key: value for key, value in overrides.set.items() if key not in varied}
    if matrix.design == "ladder":
        if overrides.axes:
            raise UsageError("--axis: a ladder has steps, not axes; use --set or another matrix")
        made = _ladder(base, matrix.steps)
    else:
        axes = {
            key: values
            for key, values in {**matrix.axes, **overrides.axes}.items()
            if key in overrides.axes or not _is_settled(base, key, values, overrides.set)
        }
        made = _grid(base, axes)
    named = _compared(list(made), matrix.reference)
    return [replace(cell, config=overlay(cell.config, settings)) for cell in named]


def _compared(cells: list[NamedCell], reference: str) -> list[NamedCell]:
    """Have every cell compared with the one of that name, itself aside."""
    names = [cell.name for cell in cells]
    if not reference:
        return cells
    if reference not in names:
        raise unknown("cell", reference, names, where="reference")
    return [replace(cell, against=reference if cell.name != reference else "") for cell in cells]


def _other_budget(key: str) -> str:
    """Return the key that setting this one removes, if there is one."""
    section, _, name = key.partition(".")
    return f"train.{BUDGETS[name]}" if section == "train" and name in BUDGETS else ""


def _is_settled(base: Config, key: str, values: Sequence[Any], changes: Mapping[str, Any]) -> bool:
    """Whether changes that hold in every cell leave an axis nothing to say."""
    if key in changes:
        return True
    without = overlay(base, changes)
    varied = [overlay(base, {key: value}) for value in values]
    return any(config != base for config in varied) and all(
        overlay(config, changes) == without for config in varied
    )


def _ladder(base: Config, steps: Sequence[LadderStep]) -> Iterator[NamedCell]:
    config, before = base, ""
    for step in steps:
        config = overlay(config, step.set)
        yield NamedCell(step.name, config, step.note, step.paper, against=before)
        before = step.name


def _grid(base: Config, axes: Mapping[str, Sequence[Any]]) -> Iterator[NamedCell]:
    for key, axis in axes.items():
        names = [short(value) for value in axis]
        if len(set(names)) < len(names):
            raise UsageError(f"the axis {key} has a value twice: {', '.join(names)}")
    # An axis of one value tells no cell from another, unless there is nothing else to tell.
    named = [key for key, values in axes.items() if len(values) > 1] or list(axes)
    for values in itertools.product(*axes.values()):
        changes = dict(zip(axes, values, strict=True))
        name = ", ".join(f"{key}={short(changes[key])}" for key in named)
        levels = {key: short(value) for key, value in changes.items()}
        yield NamedCell(name or "base", overlay(base, changes), levels=levels)


def short(value: Any) -> str:
    """Write a value of an axis as a part of a cell's name, such as ``linear{pair=joined}``."""
    if isinstance(value, dict):
        inner = ",".join(f"{key}={short(item)}" for key, item in value.items() if key != "name")
        name = str(value.get("name", ""))
        return f"{name}{{{inner}}}" if inner else name
    if isinstance(value, list):
        return "+".join(short(item) for item in value)
    if isinstance(value, float):
        return re.sub(r"e([+-]?)0+", r"e\1", repr(value)).replace("e+", "e")  # 1e-05 to 1e-5
    return str(value).lower() if isinstance(value, bool) else str(value)
