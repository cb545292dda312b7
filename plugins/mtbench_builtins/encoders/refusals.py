"""Reasons why an encoder makes no sense in a cell; without torch, as plans are made with them."""

from collections.abc import Callable

from mtbench.api import Cell, UsageError


def pooler_tasks(cell: Cell) -> list[str]:
    """Return the tasks whose heads ask for the pooler.

    What a checkpoint declares, or is taken to, is never a pooler that it lacks.
    """
    return [name for name, head in cell.heads.items() if head.parameters["pooling"] == "pooler"]


def rejects(cell: Cell) -> str | None:
    """Refuse to pool a frozen BERT by a pooler that its checkpoint lacks."""

    def is_drawn() -> bool:
        from mtbench_builtins.encoders.checkpoints import find
        from mtbench_builtins.encoders.inspection import parameters_of, pooler_is_drawn

        return pooler_is_drawn(find(parameters_of(cell)))

    return without_pooler(cell, is_drawn)


def without_pooler(cell: Cell, is_drawn: Callable[[], bool]) -> str | None:
    """Refuse to pool a frozen encoder by a pooler of random weights.

    Args:
        is_drawn: whether the checkpoint lacks the pooler; raises ``UsageError`` where it cannot
            be read, which is for the fingerprint to say.
    """
    tasks = pooler_tasks(cell)
    if cell.encoder.parameters["mode"] != "frozen" or not tasks:
        return None
    try:
        drawn = is_drawn()
    except UsageError:
        return None
    if not drawn:
        return None
    return (
        f"{', '.join(tasks)} would be pooled by a pooler that the checkpoint lacks: frozen, it "
        "would stay random; pool by cls or mean, or fine-tune"
    )
