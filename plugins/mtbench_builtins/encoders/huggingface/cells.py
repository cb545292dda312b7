"""What an encoder of the library transformers has against a cell, or has its readers know."""

from mtbench.api import Cell
from mtbench_builtins.encoders.caveats import seen, told
from mtbench_builtins.encoders.refusals import without_pooler


def rejects(cell: Cell) -> str | None:
    """Refuse to pool a frozen model by a pooler that its checkpoint lacks."""
    from mtbench_builtins.encoders.huggingface.checkpoint import find
    from mtbench_builtins.encoders.huggingface.inspection import parameters_of, pooler_is_drawn

    return without_pooler(cell, lambda: pooler_is_drawn(find(parameters_of(cell))))


def caveat(cell: Cell) -> list[str]:
    """Return what a reader of the scores of a cell's model must know."""
    from mtbench_builtins.encoders.huggingface.inspection import inspect, parameters_of

    return [*seen(cell), *told(cell, inspect(parameters_of(cell)))]
