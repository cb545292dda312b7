"""The part of a comparison's document about flips: how many examples changed, and which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mtbench.comparison.flips import Example, Flips
from mtbench.rendering.document import Lines, Table
from mtbench.rendering.numbers import DIGITS, number


def flip_parts(flips: Sequence[Flips], seeds: int) -> Iterator[Table | Lines]:
    """Yield what flipped: a table of the tasks of classes, one of the others, the examples.

    Args:
        seeds: how many are compared.
    """
    several = seeds > 1
    yield Table(
        "right and wrong" + (" (pairs of a seed and an example)" if several else ""),
        [_class_row(flip, seeds) for flip in flips if flip.counts],
    )
    yield Table(
        "absolute error" + (" (mean over seeds)" if several else ""),
        [_score_row(flip) for flip in flips if not flip.counts],
    )
    for flip in flips:
        unread = [f"no sentences: {flip.unread}"] if flip.unread and flip.most else []
        examples = [_example(flip, example) for example in flip.most]
        yield Lines(f"examples of {flip.task} that changed most", [*unread, *examples])


def _class_row(flip: Flips, seeds: int) -> dict[str, str]:
    row = {
        "task": flip.task,
        "A right, B wrong": str(flip.counts["a"]),
        "A wrong, B right": str(flip.counts["b"]),
        "both right": str(flip.counts["both"]),
        "both wrong": str(flip.counts["none"]),
    }
    if seeds > 1:
        row["lost in most seeds"] = str(flip.lost)
        row["won in most seeds"] = str(flip.won)
    return row


def _score_row(flip: Flips) -> dict[str, str]:
    return {
        "task": flip.task,
        "grew from A to B": str(flip.lost),
        "shrank": str(flip.won),
        "examples": str(flip.examples),
    }


def _example(flip: Flips, example: Example) -> tuple[str, ...]:
    """Return what was made of an example, and its sentences."""
    if flip.counts:
        what = "A right, B wrong" if example.change > 0 else "A wrong, B right"
    else:
        what = f"error {number(example.change, sign='+')}"
    label, a, b = (_predicted(flip, values) for values in ((example.label,), example.a, example.b))
    first = f"{example.id}: {what}; label {label}; A {a}; B {b}"
    return (first, *(" ".join(text.split()) for text in example.texts))


def _predicted(flip: Flips, values: Sequence[float]) -> str:
    """Write predictions, one a seed: a class by its name, and once where all seeds agree."""
    texts = [
        f"{value:.{DIGITS}g}"
        if not flip.counts
        else (flip.classes[int(value)] if flip.classes else f"{value:g}")
        for value in values
    ]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)
