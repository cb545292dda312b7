"""The matrix file: a base configuration, axes and a design, to the cells they make."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
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

from mtbench.components.validation import Checked, validate
from mtbench.errors import UsageError
from mtbench.matrix import exclusions
from mtbench.matrix.configuration import overlay
from mtbench.matrix.designs import (
    BASE,
    FULL,
    Chooser,
    NamedCell,
    NamedChange,
    Search,
    check_axes,
    defaults,
    grid,
    ladder,
    leave_one_out,
    one_at_a_time,
    staged,
    undecided,
)
from mtbench.matrix.gating import Gate
from mtbench.matrix.locations import MATRIX, file_of, read_table
from mtbench.matrix.overrides import NO_OVERRIDES, Overrides, Start, lay_over, other_budget
from mtbench.matrix.references import Names
from mtbench.matrix.spellings import dotted, fully_dotted
from mtbench.system.bounds import check_path

Seeds = Annotated[int, Field(gt=0)] | Annotated[list[int], Field(min_length=1)]
Design = Literal["grid", "one-at-a-time", "leave-one-out", "ladder", "staged"]

OF_AXES = ("grid", "one-at-a-time", "staged")
"""Designs that are made of ``[axes]``; in the others every cell is written by hand."""

BELONG = {"steps": ("ladder",), "parts": ("leave-one-out",), "axes": OF_AXES, "exclude": OF_AXES}
"""The designs that a key is for; the others refuse it."""

NEEDS = {"ladder": "steps", "leave-one-out": "parts", "one-at-a-time": "axes", "staged": "axes"}
"""The key that a design cannot do without."""

MOST_SEEDS = 10_000
"""A larger number will be a seed itself, such as a date."""

REFERENCES = {"one-at-a-time": BASE, "leave-one-out": FULL}
"""The cell that those of a design are compared with where the file names none."""


class Matrix(Checked, BaseModel):
    """A matrix file.

    Attributes:
        title: heading of the leaderboard; where it is empty, the file's name, or its folder's
            if the file is called ``matrix.toml``.
        seeds: how many (0, 1, ...), or which.
        reference: the cell that the others are compared with; where it is empty, a step of a
            ladder is compared with the one before, and the cells of one-at-a-time and
            leave-one-out with the base and the full cell.
        design: ``"grid"``, every combination of the axes; ``"one-at-a-time"``, the base, then each
            other value of each axis; ``"staged"``, a search, one axis after the other;
            ``"leave-one-out"``, all parts, then without each; ``"ladder"``, the steps in order.
        base: what all cells share.
        axes: dotted keys to the values they take.
        steps: of a ladder.
        parts: of leave-one-out.
        include: further cells, on top of the base.
        exclude: dotted keys to values; a cell of the axes for which all hold is left out.
        gate: what ``mtbench check`` holds against the baseline.
    """

    model_config = ConfigDict(extra="forbid")

    title: str = ""
    seeds: Seeds = 3
    reference: str = ""
    design: Design = "grid"
    base: dict[str, Any]
    axes: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=1)]], BeforeValidator(fully_dotted)
    ] = {}
    steps: list[NamedChange] = []
    parts: list[NamedChange] = []
    include: list[NamedChange] = []
    exclude: list[Annotated[dict[str, Any], BeforeValidator(dotted), Field(min_length=1)]] = []
    gate: Gate = Gate()

    @field_validator("seeds")
    @classmethod
    def _no_seed_twice(cls, seeds: Seeds) -> Seeds:
        if isinstance(seeds, list) and len(set(seeds)) < len(seeds):
            raise ValueError("a seed is given twice")
        return seeds

    @model_validator(mode="after")
    def _keys_fit_design(self) -> Self:
        needed = NEEDS.get(self.design)
        if needed and not getattr(self, needed):
            raise ValueError(f'design = "{self.design}" needs {_written(needed)}')
        for key, designs in BELONG.items():
            if getattr(self, key) and self.design not in designs:
                quoted = ", ".join(f'"{design}"' for design in designs)
                raise ValueError(f"{_written(key)} belong to design = {quoted}")
        for key in ("steps", "parts", "include"):
            names = [change.name for change in getattr(self, key)]
            if len(set(names)) < len(names):
                raise ValueError(f"two {_written(key)} have one name")
        _check_parts(self.parts)
        return self


def _check_parts(parts: list[NamedChange]) -> None:
    """Make sure that each part can be left out by itself."""
    setters: dict[str, str] = {}
    for part in parts:
        if not part.set:
            raise ValueError(f"the part {part.name!r} sets nothing")
        for key in part.set:
            keys = sorted({key, other_budget(key) or key})  # of two budgets: one removes the other
            if (setter := setters.setdefault(keys[0], part.name)) != part.name:
                both = f"the parts {setter!r} and {part.name!r} both set"
                raise ValueError(f"{both} {' or '.join(keys)}")


def _written(key: str) -> str:
    return "[axes]" if key == "axes" else f"[[{key}]]"


def read_matrix(path: Path) -> Matrix:
    """Read a matrix file, or the ``matrix.toml`` of a folder.

    Raises:
        UsageError: if it is not there, is no TOML, or has a key or a value that does not fit.
    """
    file = file_of(check_path(path))
    matrix = validate(Matrix, read_table(file), where=str(file))
    name = file.resolve().parent.name if file.name == MATRIX else file.stem
    return matrix.model_copy(update={"title": matrix.title or name})


def seeds(matrix: Matrix, overrides: Overrides = NO_OVERRIDES) -> list[int]:
    """Return the seeds that every cell is run with.

    Raises:
        UsageError: if there are so many that the number will have been meant as a seed.
    """
    chosen = matrix.seeds if overrides.seeds is None else overrides.seeds
    if isinstance(chosen, int) and chosen > MOST_SEEDS:
        raise UsageError(
            f"seeds: {chosen} are more than {MOST_SEEDS}; seeds = [{chosen}] is the one seed"
        )
    return list(range(chosen)) if isinstance(chosen, int) else chosen


def cells(
    matrix: Matrix, overrides: Overrides = NO_OVERRIDES, choose: Chooser = undecided
) -> list[NamedCell]:
    """Return the cells of a matrix, in its order; see ``arrange``."""
    return list(arrange(matrix, overrides, choose).cells)


def arrange(
    matrix: Matrix, overrides: Overrides = NO_OVERRIDES, choose: Chooser = undecided
) -> Search:
    """Return the cells of a matrix, in its order, and the stages of its search if it is one.

    Args:
        choose: says which cell of a stage is kept; the later stages are known only then.

    Raises:
        UsageError: if a key leads nowhere, an axis has a value twice, axes are asked of a
            design without any, two cells have one name, or the reference is no cell.
    """
    if overrides.axes and matrix.design not in OF_AXES:
        raise UsageError(
            f"--axis: a {matrix.design} has {NEEDS[matrix.design]}, not axes; "
            "use --set or another matrix"
        )
    start = lay_over(matrix.base, matrix.axes, overrides)
    check_axes(start.axes)
    if matrix.exclude:
        file = lay_over(matrix.base, matrix.axes, NO_OVERRIDES)
        for exclusion in matrix.exclude:
            if matrix.design == "one-at-a-time":
                possible = list(one_at_a_time(file.base, file.axes))
            else:  # a grid, of which a search has a part
                possible = exclusions.deciding(exclusion, file.base, file.axes)
            exclusions.check([exclusion], possible)

    def finish(made: Iterable[NamedCell]) -> list[NamedCell]:
        held = [replace(cell, config=overlay(cell.config, start.settings)) for cell in made]
        return [c for c in held if not any(exclusions.holds(e, c) for e in matrix.exclude)]

    if matrix.design == "staged":
        search = staged(start.base, start.axes, choose, finish)
    else:
        search = Search(finish(_designed(matrix, start)), stages=[], to_come=0)
    if matrix.exclude and not search.cells:
        raise UsageError("[[exclude]] leaves out every cell of the design")
    made = [*search.cells, *_included(matrix, start)]
    names = Names([c.name for c in made], start.axes if matrix.design == "staged" else None)
    names.check_distinct([change.name for change in matrix.include])
    reference, remark = _reference(matrix, overrides, names)
    if reference is not None:  # then every cell is compared with it, itself aside
        made = [replace(c, against=reference if c.name != reference else "") for c in made]
    return replace(search, cells=made, remark=remark)


def _designed(matrix: Matrix, start: Start) -> Iterator[NamedCell]:
    """Yield the cells of a design that depend on no result."""
    if matrix.design == "ladder":
        yield from ladder(start.base, matrix.steps)
    elif matrix.design == "leave-one-out":
        yield from leave_one_out(start.base, matrix.parts)
    elif matrix.design == "one-at-a-time":
        yield from one_at_a_time(start.base, start.axes)
    elif matrix.axes or start.axes or not matrix.include:  # those included may be all there is
        yield from grid(start.base, start.axes)


def _included(matrix: Matrix, start: Start) -> Iterator[NamedCell]:
    """Yield the cells that the file names; what the design leaves open is at its default."""
    has_default = matrix.design in ("one-at-a-time", "staged")
    base = overlay(start.base, defaults(start.base, start.axes) if has_default else {})
    for change in matrix.include:
        config = overlay(overlay(base, change.set), start.settings)
        yield NamedCell(change.name, config, change.note, change.paper)


def _reference(matrix: Matrix, overrides: Overrides, names: Names) -> tuple[str | None, str]:
    """Return what all cells are compared with, None for what the design says, and a remark.

    Raises:
        UsageError: if there is no such cell.
    """
    if (chosen := overrides.reference) is not None:
        if chosen not in names:
            raise names.unknown(chosen, where="--reference")
        return chosen, ""
    reference = matrix.reference or REFERENCES.get(matrix.design, "")
    if not reference:
        return None, ""
    if reference in names:
        return reference, ""
    if overrides != NO_OVERRIDES:
        arrange(matrix)  # which tells what is no cell of the file itself
        return "", (
            f"no differences: what was laid over the matrix leaves no cell called {reference!r}, "
            "which they would be to (--reference CELL compares with another)"
        )
    if not matrix.reference:
        raise UsageError(
            f"[[exclude]] leaves out {reference!r}, which the others are compared with "
            "(reference = NAME compares them with another)"
        )
    raise names.unknown(reference, where="reference")
