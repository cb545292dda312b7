"""Reasons why a balancer makes no sense in a cell; without torch, as plans are made with them."""

from mtbench.api import Cell
from mtbench_builtins.balancers.single import rejects


def one_task_a_step(cell: Cell) -> str | None:
    """Refuse steps of one task where the combiner joins the gradients of several."""
    if cell.balancer.parameters["group"] > 1 or cell.combiner_needs == "losses":
        return None
    return f"a step has one task, {_unchanged(cell)}: group = 2 or more"


def one_task_alone(cell: Cell) -> str | None:
    """Refuse the same where one task is trained, and a task that the cell does not have."""
    if cell.combiner_needs == "losses":
        return rejects(cell)
    return rejects(cell) or f"it trains one task, {_unchanged(cell)}"


def _unchanged(cell: Cell) -> str:
    return f"whose gradient {cell.combiner.name} could only leave as it is"
