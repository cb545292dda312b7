"""Reasons why a balancer makes no sense in a cell; without torch, as plans are made with them."""

from mtbench.api import Cell


def one_task_a_step(cell: Cell) -> str | None:
    """Refuse steps of one task where the combiner joins the gradients of several."""
    if cell.balancer.parameters["group"] > 1 or cell.combiner_needs == "losses":
        return None
    return (
        f"a step has one task, whose gradient {cell.combiner.name} could only leave as it is: "
        "group = 2 or more"
    )
