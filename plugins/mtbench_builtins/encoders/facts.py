"""Facts about a checkpoint's folder that a reader of its scores must know."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mtbench.api import Cell
from mtbench_builtins.encoders import sentence_modules
from mtbench_builtins.encoders.shipped import TINY


class Facts(NamedTuple):
    """What was seen of a folder.

    Attributes:
        drawn: whether the model has a pooler, and the checkpoint no weights for it.
        modules: those of sentence-transformers that are left out.
        declared: tokens at which sentence-transformers cuts; None where nothing says so.
        longest: tokens of the longest sequence here; None for any number.
        cased: share of the vocabulary's words that have capitals, and that the tokenizer, which
            lowers the case, never gives; 0 where it keeps the case.
    """

    drawn: bool
    modules: tuple[str, ...]
    declared: int | None
    longest: int | None
    cased: float


def of_folder(folder: Path, *, drawn: bool, longest: int | None, cased: float) -> Facts:
    """Return the facts of a folder, those that the modules of sentence-transformers tell added.

    Raises:
        UsageError: if what declares these modules cannot be read.
    """
    modules = tuple(sentence_modules.left_out(folder))
    return Facts(drawn, modules, sentence_modules.longest(folder), longest, cased)


class Latest:
    """The facts that the latest inspection of each checkpoint has found.

    A plan has each of its checkpoints inspected once, for the fingerprint, and then asks for the
    facts cell by cell.
    """

    def __init__(
        self, inspect: Callable[[Any], Facts | None], parameters: Callable[..., Any]
    ) -> None:
        """Remember what inspects a checkpoint, and the class of its parameters."""
        self._inspect, self._parameters = inspect, parameters
        self._found: dict[tuple[object, ...], Facts | None] = {}

    def inspect(self, parameters: Any) -> None:
        """Inspect a checkpoint, whether that was done before or not.

        Raises:
            UsageError: if it cannot be used.
        """
        place = (parameters.checkpoint, parameters.revision, parameters.max_tokens)
        self._found[place] = self._inspect(parameters)

    def of_cell(self, cell: Cell) -> Facts | None:
        """Return the facts about a cell's checkpoint; None where it has none.

        Raises:
            UsageError: if it was never inspected, and cannot be used.
        """
        given = cell.encoder.parameters  # those of tiny name no checkpoint
        place = (given.get("checkpoint", TINY), given.get("revision"), given["max_tokens"])
        if place not in self._found:
            names = ("checkpoint", "revision", "max_tokens")
            self.inspect(self._parameters(**dict(zip(names, place, strict=True))))
        return self._found[place]
