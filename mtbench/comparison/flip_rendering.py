"""Renderings of flips: how many examples changed, and which, as sections of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mtbench.board.standings import DIGITS
from mtbench.comparison.flips import Example, Flips
from mtbench.comparison.sections import Row, Section
from mtbench.rendering.escaping import visible


def flip_sections(found: Sequence[Flips], seeds: int) -> Iterator[Section]:
    """Yield what flipped: a table of the tasks of classes, one of the others, the examples.

    Args:
        seeds: how many are compared.
    """
    pairs = [flip for flip in found if flip.counts]
    scores = [flip for flip in found if not flip.counts]
    if pairs:
        yield Section(
            "right and wrong" + (" (pairs of a seed and an example)" if seeds > 1 else ""),
            [_flip_row(flip, seeds) for flip in pairs],
            numbers=True,
        )
    if scores:
        yield Section(
            "absolute error" + (" (mean over seeds)" if seeds > 1 else ""),
            [
                {
                    "task": flip.task,
                    "grew from A to B": str(flip.lost),
                    "shrank": str(flip.won),
                    "examples": str(flip.examples),
                }
                for flip in scores
            ],
            numbers=True,
        )
    for flip in found:
        if flip.most:
            unread = [f"no sentences: {visible(flip.unread)}"] if flip.unread else []
            lines = [_shown(flip, example) for example in flip.most]
            yield Section(f"examples of {flip.task} that changed most", lines=[*unread, *lines])


def _flip_row(flip: Flips, seeds: int) -> Row:
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


def _shown(flip: Flips, example: Example) -> str:
    if flip.counts:
        what = "A right, B wrong" if example.change > 0 else "A wrong, B right"
    else:
        what = f"error {example.change:+.{DIGITS}f}"
    label, one, other = (_predicted(flip, v) for v in ((example.label,), example.a, example.b))
    first = f"{example.id}: {what}; label {label}; A {one}; B {other}"
    return "\n".join(map(visible, [first, *(" ".join(text.split()) for text in example.texts)]))


def _predicted(flip: Flips, values: Sequence[float]) -> str:
    """Write predictions, one a seed: a class by its name, and once where all seeds agree."""
    texts = [
        f"{value:.{DIGITS}g}"
        if not flip.counts
        else (flip.classes[int(value)] if flip.classes else f"{value:g}")
        for value in values
    ]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)
