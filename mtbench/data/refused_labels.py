"""Refused labels: what they tell of a task that takes its labels for others than they are."""

import math
import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from mtbench.protocols import Examples, Split, TaskInfo

LABELS_NAMED = 5
"""Labels, and classes, that a message names at most."""

BY_CHANCE = 3
"""Rows a class: with fewer, about one split in twenty lacks a given class."""

NAMED = 10
"""Different labels that still look like the names of classes."""


def misreading(info: TaskInfo, examples: Examples, split: Split) -> str | None:
    """Say that the labels of a split are not what its task takes them for, or None.

    Labels were refused while a class has no row: on the right scale each would be some class.
    (Dev or test may lack one by chance, where they have few rows, or few labels were refused for
    so many rows; but not the first beside labels that count from 1.) Or different labels were
    refused, where one alone, such as -1, may mark rows without a gold label: for more rows than
    were read, or from as many gaps as there are between classes.
    """
    refused = [row for row in examples.bad_rows if row.label is not None]
    counts = Counter(str(row.label) for row in refused)
    read = set(examples.labels or ())
    absent = [info.written(label) for label in range(info.classes or 0) if label not in read]
    few = BY_CHANCE * (info.classes or 0)
    by_chance = not few <= len(examples) + len(refused) <= few * len(refused)
    numbers = set(_numbers(counts))
    from_one = not info.class_names and 0 not in read and numbers == {info.classes}
    between = {number for number in numbers if not number.is_integer()}
    gaps = len(set(map(math.floor, between)))
    scores = len(between) > 1 and info.classes is not None and gaps >= info.classes - 1
    if refused and absent and (split == "train" or from_one or not by_chance):
        names = [repr(name) for name in absent] if info.class_names else absent
        problem = f"no row of {split} is of class {_some(names)}"
    elif scores or (len(counts) > 1 and len(refused) > len(examples)):
        problem = f"only {len(examples)} row(s) of {split} can be read"
    else:
        return None
    shown = [f"{reprlib.repr(label)} in {number}" for label, number in counts.most_common()]
    return (
        f"{problem}; rows left out for their label: {len(refused)} ({_some(shown)}), "
        f"the first: {refused[0]}{_remedy({*counts, *(info.written(label) for label in read)})}"
    )


def _numbers(labels: Iterable[str]) -> Iterator[float]:
    """Yield those of the labels that are finite numbers."""
    for label in labels:
        with suppress(ValueError):
            if math.isfinite(number := float(label)):
                yield number


def _some(words: list[str]) -> str:
    return ", ".join([*words[:LABELS_NAMED], *(["..."] if len(words) > LABELS_NAMED else [])])


def _remedy(labels: set[str]) -> str:
    """Say which parameter of a table would take all these labels; nothing where none would."""
    try:
        numbers = sorted({number for label in labels if math.isfinite(number := float(label))})
    except ValueError:  # some are words
        if not 1 < len(labels) <= NAMED:
            return ""
        parameter = f"classes = {sorted(labels)}"
    else:
        if len(numbers) < 2:
            return ""
        whole = all(map(float.is_integer, numbers))
        shown = [int(number) if whole else number for number in numbers]
        few = whole and len(numbers) <= NAMED
        parameter = f"classes = {shown}" if few else f"range = [{shown[0]}, {shown[-1]}]"
    return f"; where these are right, `{parameter}` of a table takes them"
