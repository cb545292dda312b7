"""Reasons why a combiner makes no sense in a cell; without torch, as plans are made with them."""

from collections.abc import Iterable

from mtbench.api import Cell, unknown

BY_TASK = ("preference", "leak", "weights", "tau")
"""Parameters that are, or may be, tables by task."""


def refuse(cell: Cell) -> str | None:
    """Refuse a frozen encoder, and parameters that name a task the cell does not have."""
    if cell.encoder.parameters.get("mode") == "frozen":
        return "a frozen encoder has no shared parameters to combine"
    for parameter, names in _named_tasks(cell):
        for name in names:
            if name not in cell.tasks:
                return str(unknown("task", name, cell.tasks, where=parameter))
    return None


def refuse_one_task(cell: Cell) -> str | None:
    """Refuse, besides that, a cell of one task, whose gradient the combiner leaves as it is."""
    if len(cell.tasks) == 1 and cell.combiner.parameters.get("of") != "cagrad":
        return "the cell has one task, of which the combiner would make what sum does"
    return refuse(cell)


def refuse_few_tasks(cell: Cell) -> str | None:
    """Refuse, besides that, a cell whose tasks are too few for what a combiner leaves out."""
    given = cell.combiner.parameters
    if "n_byzantine" in given:
        least = max(given["n_byzantine"] + 3, given["n_selected"])
    else:
        least = 2 * given["trim_number"] + 1
    if len(cell.tasks) < least:
        return f"with these parameters it needs {least} tasks; there are {len(cell.tasks)}"
    return refuse_one_task(cell)


def _named_tasks(cell: Cell) -> Iterable[tuple[str, Iterable[str]]]:
    """Yield each parameter that names tasks, with the names."""
    given = cell.combiner.parameters
    for parameter in BY_TASK:
        if isinstance(given.get(parameter), dict):
            yield parameter, given[parameter]
    if given.get("primary") is not None:
        yield "primary", [given["primary"]]
