"""Loading: the one door through which the harness reads the examples of a task."""

import errno
import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from mtbench.data.layouts import LaidOutTask
from mtbench.data.refused_labels import misreading
from mtbench.errors import NotAtHand, PluginError, UsageError, is_not_at_hand
from mtbench.protocols import Examples, Split, Task, TaskInfo

OF_PATHS = (errno.EACCES, errno.ENAMETOOLONG)
"""What the system says of a path that the user named before anything is looked for there."""


def load(
    task: Task, split: Split, folder: Path | None, *, with_labels: bool, name: str = "the task"
) -> Examples:
    """Read one split of a task, in ascending order of ids.

    Labels of the test split pass only where they are asked for, which ``evaluate --split test``
    alone does; train and dev always have theirs.

    Args:
        task: where the examples come from.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        folder: where the user's data lie; None where no folder was named.
        with_labels: whether the labels of the test split are needed; False drops them.
        name: what messages call the task.

    Raises:
        NotAtHand: if there is no such split, or no row of test, which a data set can do without.
        UsageError: if the task cannot be read, there is no row or all are left out, or it lacks
            labels it needs or has others than the task takes.
        PluginError: if the task gives examples that contradict its description.
    """
    with_labels = with_labels or split != "test"
    try:
        examples = task.load(split, folder, with_labels=with_labels)
    except OSError as error:
        if error.errno not in OF_PATHS:
            raise
        raise UsageError(f"{name}: its data cannot be read: {error.strerror}") from None
    problem = _contradiction(task.describe(), examples)
    if problem:
        raise PluginError(f"{name}: its {split} split {problem}", part=f"tasks.{name}")
    if with_labels and (mistake := misreading(task.describe(), examples, split)):
        raise UsageError(f"{name}: {mistake}")
    if not examples.ids:
        if not (bad := len(examples.bad_rows)):
            refusal = NotAtHand if split == "test" else UsageError
            raise refusal(f"{name}: its {split} split is empty")
        raise UsageError(
            f"{name}: its {split} split is empty: all rows were left out ({bad}); "
            f"first, {examples.bad_rows[0]}"
        )
    if not with_labels:
        return _by_id(replace(examples, labels=None))
    if examples.labels is None:
        raise UsageError(
            f"{name}: its {split} split has no labels"
            + ("; 'mtbench predict' writes predictions without them" if split == "test" else "")
        )
    return _by_id(examples)


def holds_nothing(folder: Path, tasks: Iterable[Task]) -> bool:
    """Whether there are tasks that read a data folder, and this one has no data of any."""
    readers = [task for task in tasks if _lacks_data(task, None)]
    return bool(readers) and all(_lacks_data(task, folder) for task in readers)


def _lacks_data(task: Task, folder: Path | None) -> bool:
    try:
        if isinstance(task, LaidOutTask) and folder is not None:
            task.layout(folder)
        else:
            load(task, "train", folder, with_labels=False)
    except Exception as error:  # without a folder, a task that reads one may raise anything
        return folder is None or is_not_at_hand(error)
    return False


def fingerprint(examples: Examples) -> str:
    """Return the SHA-256 digest, in hexadecimal, of ids, texts and labels.

    The order of the rows, the file's name and the rows that were left out do not change it.
    """
    digest = hashlib.sha256()
    ordered = _by_id(examples)
    for index, id_ in enumerate(ordered.ids):
        # Adding 0.0 makes 1 and 1.0, and the two zeros, the same label.
        label = None if ordered.labels is None else ordered.labels[index] + 0.0
        # One JSON array a line: no text can imitate the border between two fields or rows.
        digest.update(json.dumps([id_, list(ordered.texts[index]), label]).encode() + b"\n")
    return digest.hexdigest()


def _by_id(examples: Examples) -> Examples:
    """Return the examples in ascending order of their ids."""
    order = sorted(range(len(examples)), key=examples.ids.__getitem__)
    return select(examples, order)


def select(examples: Examples, indices: list[int]) -> Examples:
    """Return the examples at these places, in this order."""
    labels = examples.labels
    return replace(
        examples,
        ids=tuple(examples.ids[index] for index in indices),
        texts=tuple(examples.texts[index] for index in indices),
        labels=None if labels is None else tuple(labels[index] for index in indices),
    )


def _contradiction(info: TaskInfo, examples: Examples) -> str | None:
    """Say where examples are not what their task describes, or None."""
    labels = examples.labels
    count = len(examples)
    if len(examples.texts) != count or (labels is not None and len(labels) != count):
        return "has ids, texts and labels of different number"
    if len(set(examples.ids)) != count:
        return "has an id twice"
    of_author: Iterable[Any] = examples.texts  # who may have left out the tuple
    if any(isinstance(texts, str) or len(texts) != info.sentences for texts in of_author):
        return f"has an example that is not of {info.sentences} sentence(s)"
    words = chain(examples.ids, chain.from_iterable(examples.texts))
    if not all(isinstance(word, str) for word in words):
        return "has an id or a text that is no str"
    if labels is not None and not all(_fits(info, label) for label in labels):
        return "has a label outside the classes or the range of the task"
    return None


def _fits(info: TaskInfo, label: float) -> bool:
    """Whether a label is one of the task's."""
    if info.classes is not None:
        return label in range(info.classes)
    low, high = info.score_range or (0.0, 0.0)
    return low <= label <= high


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
