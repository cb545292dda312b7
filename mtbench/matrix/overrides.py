"""Overrides: what the command line lays over a matrix file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mtbench.errors import UsageError
from mtbench.matrix.configuration import BUDGETS, Config, overlay
from mtbench.matrix.designs import Axes


@dataclass(frozen=True)
class Overrides:
    """What the command line lays over a matrix file.

    Attributes:
        set: dotted keys to values; they hold in every cell, whatever an axis or a step says.
        axes: further axes, or other values for an axis of the file.
        seeds: how many, in place of the file's.
        reference: the cell that all others are compared with, whatever the file says; None for
            what it says.
    """

    set: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    seeds: int | None = None
    reference: str | None = None


NO_OVERRIDES = Overrides()


@dataclass(frozen=True)
class Start:
    """What a design begins with, once the overrides are laid over it.

    Attributes:
        base: what all cells share.
        axes: without those to which the settings leave nothing to say.
        settings: dotted keys to values, to be laid over every cell that is made.
    """

    base: Config
    axes: Axes
    settings: Mapping[str, Any]


def lay_over(base: Mapping[str, Any], axes: Axes, overrides: Overrides) -> Start:
    """Return base and axes of a matrix with overrides laid over them.

    Raises:
        UsageError: if a key leads nowhere, or the overrides contradict each other.
    """
    both = overrides.set.keys() & {*overrides.axes, *map(other_budget, overrides.axes)}
    if both:
        raise UsageError(f"--set and --axis contradict each other on {', '.join(sorted(both))}")
    # An axis of the command line varies what its --set has put there.
    varied = [key for key in overrides.set if any(a.startswith(f"{key}.") for a in overrides.axes)]
    start = overlay(overlay({}, base), {key: overrides.set[key] for key in varied})
    settings = {key: value for key, value in overrides.set.items() if key not in varied}
    left = {
        key: values
        for key, values in {**axes, **overrides.axes}.items()
        if key in overrides.axes or not _is_settled(start, key, values, overrides.set)
    }
    return Start(start, left, settings)


def other_budget(key: str) -> str:
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
