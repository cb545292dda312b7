"""Designs: which cells a study makes of a base and of axes, steps or parts."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mtbench.errors import UsageError
from mtbench.matrix.configuration import Config, overlay
from mtbench.matrix.spellings import dotted

BASE = "base"
"""Name of the cell that has every axis at its default."""

FULL = "full"
"""Name of the cell that has every part."""

Axes = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class NamedCell:
    """A cell as the matrix writes it: not yet resolved.

    Attributes:
        note: a remark under the table.
        paper: published scores a task, and ``overall``.
        against: name of the cell that it is compared with; empty for none.
        levels: its place on each axis, by the axis's key; none where it comes of no axes.
    """

    name: str
    config: Config
    note: str = ""
    paper: Mapping[str, float] = field(default_factory=dict)
    against: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)


class NamedChange(BaseModel):
    """A named change: a step of a ladder, a part that is left out, or a cell of its own.

    Attributes:
        name: of its cell; of a part, what its cell is without.
        set: what it changes, dotted keys to values.
        note: a remark on its cell, under the table.
        paper: published scores of its cell, a task, and ``overall``; no percentages.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    set: Annotated[dict[str, Any], BeforeValidator(dotted)] = {}
    note: str = ""
    paper: dict[str, Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]] = {}


def grid(base: Config, axes: Axes) -> Iterator[NamedCell]:
    """Yield every combination of the axes' values; the last axis varies first."""
    for values in itertools.product(*axes.values()):
        yield _at(base, axes, dict(zip(axes, values, strict=True)))


def one_at_a_time(base: Config, axes: Axes) -> Iterator[NamedCell]:
    """Yield the base, then a cell for each other value of each axis."""
    start = defaults(base, axes)
    cell = _at(base, axes, start)
    yield NamedCell(BASE, cell.config, levels=cell.levels)
    for key, values in axes.items():
        for value in values:
            if short(value) != short(start[key]):
                cell = _at(base, axes, {**start, key: value})
                yield NamedCell(f"{key}={short(value)}", cell.config, levels=cell.levels)


def ladder(base: Config, steps: Iterable[NamedChange]) -> Iterator[NamedCell]:
    """Yield a cell a step, each inheriting the one before and compared with it."""
    config, before = base, ""
    for step in steps:
        config = overlay(config, step.set)
        yield NamedCell(step.name, config, step.note, step.paper, against=before)
        before = step.name


def leave_one_out(base: Config, parts: Sequence[NamedChange]) -> Iterator[NamedCell]:
    """Yield a cell with all parts, then one without each of them."""
    yield NamedCell(FULL, _together(base, parts))
    for part in parts:
        config = _together(base, [other for other in parts if other is not part])
        yield NamedCell(f"without {part.name}", config, part.note, part.paper)


def _together(base: Config, parts: Iterable[NamedChange]) -> Config:
    """Return a base with parts laid over it at once: their order says nothing."""
    return overlay(base, {key: value for part in parts for key, value in part.set.items()})


# --- the staged search ------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """What is known of the best of some cells.

    Attributes:
        kept: its place among them; None where it is not known.
        problem: why it never will be; empty where their runs will tell.
    """

    kept: int | None = None
    problem: str = ""


Chooser = Callable[[Sequence[NamedCell]], Choice]


def undecided(cells: Sequence[NamedCell]) -> Choice:  # noqa: ARG001 - a Chooser
    """Choose nothing: no run is known."""
    return Choice()


@dataclass(frozen=True)
class Stage:
    """A stage of a search: the values of one axis, all other axes held.

    Attributes:
        axis: its key.
        cells: their names, in the axis's order.
        kept: name of the best one; empty where it is not known.
        value: of the axis that is kept.
        problem: why no cell can be kept; empty where one can.
    """

    axis: str
    cells: Sequence[str]
    kept: str = ""
    value: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Search:
    """As much of a staged search as can be told.

    Attributes:
        cells: of all stages, each once.
        stages: those whose cells are known; the last of them may be undecided.
        to_come: most cells that the later stages can add.
        remark: what a reader must know of what the cells are compared with.
    """

    cells: Sequence[NamedCell]
    stages: Sequence[Stage]
    to_come: int
    remark: str = ""


def staged(
    base: Config,
    axes: Axes,
    choose: Chooser,
    finish: Callable[[Iterable[NamedCell]], list[NamedCell]] = list,
) -> Search:
    """Return a coordinate search over the axes in their order.

    The cells of a stage have the values of its axis, those kept on the axes before, and the
    defaults on the axes after.

    Args:
        choose: says which cell of a stage is kept.
        finish: lays what holds in every cell over those of a stage, and leaves some out.
    """
    # An axis of one value has nothing to search.
    keys = [key for key, values in axes.items() if len(values) > 1] or list(axes)[:1]
    held = defaults(base, axes)
    cells: dict[str, NamedCell] = {}
    stages: list[Stage] = []
    for key in keys:
        made = finish(_at(base, axes, {**held, key: value}) for value in axes[key])
        if not made:
            break
        for cell in made:
            cells.setdefault(cell.name, cell)
        choice = choose(made)
        names = [cell.name for cell in made]
        if choice.kept is None:
            stages.append(Stage(key, names, problem=choice.problem))
            break
        kept = made[choice.kept]
        stages.append(Stage(key, names, kept.name, kept.levels[key]))
        held[key] = next(value for value in axes[key] if short(value) == kept.levels[key])
    if not keys:
        cells = {cell.name: cell for cell in finish(grid(base, axes))}
    later = [] if stages and stages[-1].problem else keys[len(stages) :]
    to_come = sum(len(axes[key]) - 1 for key in later)
    return Search(list(cells.values()), stages, to_come)


# --- axes -------------------------------------------------------------------------------------


def check_axes(axes: Axes) -> None:
    """Make sure that the values of each axis can be told apart.

    Raises:
        UsageError: if an axis has one twice.
    """
    for key, axis in axes.items():
        names = [short(value) for value in axis]
        if len(set(names)) < len(names):
            raise UsageError(f"the axis {key} has a value twice: {', '.join(names)}")


def defaults(base: Config, axes: Axes) -> dict[str, Any]:
    """Return each axis's default: the value that the base has, else the axis's first."""
    return {
        key: next((v for v in values if overlay(base, {key: v}) == base), values[0])
        for key, values in axes.items()
    }


def named(axes: Axes) -> Iterator[str]:
    """Yield the names of a grid's cells, in its order, without making the cells."""
    for values in itertools.product(*axes.values()):
        yield _name(axes, _levels(dict(zip(axes, values, strict=True))))


def is_named(name: str, axes: Axes) -> bool:
    """Whether a cell of a grid has that name; told axis by axis, however many cells there are."""
    if not axes:
        return name == BASE
    left = {f"{name}, "}
    for key in _telling(axes):
        starts = [f"{key}={short(value)}, " for value in axes[key]]
        left = {rest[len(start) :] for rest in left for start in starts if rest.startswith(start)}
    return "" in left


def _at(base: Config, axes: Axes, values: Mapping[str, Any]) -> NamedCell:
    """Return the cell with these values."""
    levels = _levels(values)
    return NamedCell(_name(axes, levels), overlay(base, values), levels=levels)


def _levels(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: short(value) for key, value in values.items()}


def _name(axes: Axes, levels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={levels[key]}" for key in _telling(axes)) or BASE


def _telling(axes: Axes) -> list[str]:
    """Return the axes that cells are named after.

    One of a single value tells no cell from another, unless there is nothing else to tell.
    """
    return [key for key, axis in axes.items() if len(axis) > 1] or list(axes)


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
