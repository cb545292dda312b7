"""Groups: what a combiner remembers, apart for each set of tasks that share a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class Group:
    """A set of tasks with the TorchJD object that has seen their steps.

    Attributes:
        method: TorchJD's, whose rows are the tasks in the group's order.
        unit: [1] or [m] float64, lengths by which the gradients of its last step were divided;
            None before there was one.
    """

    method: Any
    unit: Tensor | None = None


class Remembering(ABC):
    """A combiner with memory: TorchJD's stateful methods know rows, this knows tasks.

    A row of TorchJD's state means nothing without the others, so each set of tasks has its own,
    which it finds again when it shares a step again. The order in which the tasks come makes no
    difference.
    """

    def __init__(self) -> None:
        self.groups: dict[tuple[str, ...], Group] = {}

    def order(self, tasks: Sequence[str]) -> tuple[str, ...]:
        """Return the tasks in the order of the group's rows."""
        return tuple(sorted(tasks))

    def group(self, tasks: tuple[str, ...]) -> tuple[Group, list[int]]:
        """Return the group of a step's tasks, and where its rows are in the step."""
        ordered = self.order(tasks)
        if ordered not in self.groups:
            self.groups[ordered] = Group(self.method(ordered))
        return self.groups[ordered], [tasks.index(task) for task in ordered]

    @abstractmethod
    def method(self, tasks: tuple[str, ...]) -> Any:
        """Return TorchJD's object for tasks in this order, without memory."""

    @abstractmethod
    def remembered(self, method: Any) -> dict[str, Any]:
        """Return what TorchJD's object remembers, as JSON values."""

    @abstractmethod
    def remind(self, method: Any, state: Mapping[str, Any]) -> None:
        """Give a TorchJD object without memory what ``remembered`` returned."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that is remembered, as JSON values."""
        return {
            "groups": [
                {
                    "tasks": list(tasks),
                    "unit": group.unit.tolist(),
                    **self.remembered(group.method),
                }
                for tasks, group in self.groups.items()
                if group.unit is not None
            ]
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` returned, in place of what is remembered."""
        self.groups = {}
        for saved in state["groups"]:
            tasks = tuple(saved["tasks"])
            unit = torch.tensor(saved["unit"], dtype=torch.float64)
            group = Group(self.method(tasks), unit)
            self.remind(group.method, saved)
            self.groups[tasks] = group
