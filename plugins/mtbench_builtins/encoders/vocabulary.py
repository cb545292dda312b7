"""Vocabularies of WordPieces: the file of a checkpoint, and what a model without one takes."""

from functools import cache
from pathlib import Path

from mtbench_builtins.encoders.shipped import SHIPPED, TINY

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@cache
def vocabulary() -> tuple[str, ...]:
    """Return the WordPieces of a model without a checkpoint; a piece's place is its token id.

    They are those of the checkpoint ``tiny``: given its shape, a model with random weights lacks
    its training and nothing else.
    """
    return read(SHIPPED[TINY] / "vocab.txt")


def read(file: Path) -> tuple[str, ...]:
    """Return the WordPieces of a ``vocab.txt``, one a line."""
    # Not splitlines: a piece may be a character that Python takes for the end of a line.
    return tuple(file.read_text(encoding="utf-8").removesuffix("\n").split("\n"))
