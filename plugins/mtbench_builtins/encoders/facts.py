"""Facts about a checkpoint's folder that a reader of its scores must know."""

from pathlib import Path
from typing import NamedTuple

from mtbench_builtins.encoders import sentence_modules


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
