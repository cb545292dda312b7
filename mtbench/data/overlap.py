"""Overlap: examples of one split whose texts are in another."""

from mtbench.protocols import Examples


def shared_texts(examples: Examples, train: Examples) -> int:
    """Return how many of the examples have the texts of one of train.

    The two texts of a pair may stand in either order; white space around a text does not count,
    everything else does.
    """
    wanted = {_unordered(texts) for texts in examples.texts}
    shared = wanted.intersection(map(_unordered, train.texts))
    return sum(_unordered(texts) in shared for texts in examples.texts)


def _unordered(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(text.strip() for text in texts))
