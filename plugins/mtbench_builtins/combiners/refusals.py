"""Reasons why a combiner makes no sense in a cell; without torch, as plans are made with them."""

from mtbench.api import Cell

SUM = "of which the combiner would make what sum does"


def one_task(cell: Cell) -> str | None:
    """Refuse a cell no step of which has two tasks: one alone keeps a weight of 1."""
    if len(cell.tasks) == 1:
        return f"the cell has one task, {SUM}"
    if cell.balancer.name.rpartition("/")[2] == "single":
        return f"the balancer trains one task, {SUM}"
    if cell.balancer.parameters.get("group") == 1:
        return f"a step has one task, {SUM}: group = 2 or more"
    return None


def one_task_or_frozen(cell: Cell) -> str | None:
    """Refuse that, and a combiner of gradients over an encoder that is not trained."""
    if cell.encoder.parameters.get("mode") == "frozen":
        return "a frozen encoder has no shared parameters to combine"
    return one_task(cell)
