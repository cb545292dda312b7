"""What the conformance kit asks of a task: its description, its examples, its files."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from mtbench.components.entries import build_task
from mtbench.data import fingerprint
from mtbench.errors import UsageError
from mtbench.metrics import METRICS
from mtbench.protocols import BadRow, Examples, Split, TaskInfo
from mtbench.testing.checks import ANYTHING, Checks, NotApplicable, Subject, fail, require
from mtbench.testing.processes import ask
from mtbench.testing.trials import seeded_globally, untouched

check = Checks("task")

NOWHERE = Path("/nowhere/at/all")
"""A folder that there is not."""

TOP = 1e-6
"""How far from 1 a metric of perfect predictions may be."""


def build(subject: Subject) -> Any:
    """Return a new task, read in the layouts that its spec names."""
    return build_task(subject.entry, subject.parameters)


def elsewhere(subject: Subject, folder: Path) -> Subject:
    """Return a task whose files are looked for in another folder, wherever they lie."""
    parameters = subject.parameters.model_dump()
    changed = {
        name: str(folder / Path(parameters[name]).name)
        for name in subject.spec.locations
        if isinstance(parameters.get(name), str | Path)
    }
    return replace(subject, parameters=subject.parameters.model_copy(update=changed))


def loads(subject: Subject) -> bool:
    """Whether a task can be loaded where no folder is named."""
    try:
        build(subject).load("train", None)
    except ANYTHING:  # whatever it is, the checks that apply meet it again
        return False
    return True


def splits(subject: Subject) -> dict[Split, Examples]:
    """Return what a new task loads; its test split is missing where it cannot be read.

    Raises:
        NotApplicable: if it reads files, and no folder is named.
    """
    task, folder = build(subject), subject.folder
    if folder is None and not loads(subject):
        raise NotApplicable("it reads files, and no folder with its data is named")
    loaded: dict[Split, Examples] = {split: task.load(split, folder) for split in ("train", "dev")}
    with suppress(UsageError):  # not every data set has one
        loaded["test"] = task.load("test", folder)
    return loaded


def labelled(subject: Subject) -> Iterator[tuple[Split, tuple[float, ...]]]:
    """Yield the labels of the splits; train and dev must have them."""
    for split, examples in splits(subject).items():
        if examples.labels is None:
            require(split == "test", f"labels in the {split} split", "None")
        else:
            yield split, examples.labels


def some(places: list[str]) -> str:
    """Return the first few of many, for a message."""
    return ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")


@check("describe() gives a TaskInfo, the same each time, and where its data are not", basic=True)
def describes_itself(subject: Subject) -> None:
    info = build(subject).describe()
    require(isinstance(info, TaskInfo), "a TaskInfo", repr(info))
    try:
        came = build(elsewhere(subject, NOWHERE)).describe()
    except ANYTHING as error:
        came = f"{type(error).__name__}: {error}"
    require(came == info, "the same description where the files are not", came)


@check("without its files it raises a UsageError of one line")
def missing_data_are_a_usage_error(subject: Subject) -> None:
    if loads(elsewhere(subject, NOWHERE)):
        raise NotApplicable("it reads no files")
    with tempfile.TemporaryDirectory() as empty:
        for folder, where in (
            (None, "without a folder"),
            (Path(empty), "in an empty folder"),
            (NOWHERE, "in a folder there is not"),
        ):
            expected = f"a UsageError of one line {where}"
            try:
                build(elsewhere(subject, folder or NOWHERE)).load("train", folder)
            except UsageError as error:
                require(str(error) and "\n" not in str(error), expected, repr(str(error)))
            except ANYTHING as error:
                fail(expected, f"{type(error).__name__}: {error}")
            else:
                fail(expected, "no error")


@check("train and dev have examples, with as many texts and labels as ids", basic=True)
def splits_have_examples(subject: Subject) -> None:
    for split, examples in splits(subject).items():
        kind = type(examples).__name__
        require(isinstance(examples, Examples), f"the {split} split as Examples", kind)
        count = len(examples.ids)
        require(count, f"examples in the {split} split", "none")
        labels = count if examples.labels is None else len(examples.labels)
        require(
            len(examples.texts) == labels == count,
            f"as many texts and labels as ids in {split}, {count}",
            f"{len(examples.texts)} texts and {labels} labels",
        )


@check("ids are texts in ascending order, each of them once, in one split")
def ids_are_unique(subject: Subject) -> None:
    where: dict[str, Split] = {}
    for split, examples in splits(subject).items():
        ids = examples.ids
        strange = [repr(id_) for id_ in ids if not (isinstance(id_, str) and id_)]
        require(not strange, f"ids of {split} that are texts", some(strange))
        again = [id_ for id_, count in Counter(ids).items() if count > 1]
        require(not again, f"unique ids in {split}", f"{some(again)} more than once")
        shared = [f"{id_} of {where[id_]}" for id_ in ids if id_ in where]
        require(not shared, f"ids in {split} that no other split has", some(shared))
        late = [id_ for before, id_ in pairwise(ids) if id_ < before]
        require(not late, f"ids of {split} in ascending order", f"{some(late)} too late")
        where |= dict.fromkeys(ids, split)


@check("an example has one text a sentence, none of them blank")
def texts_are_sentences(subject: Subject) -> None:
    count = build(subject).describe().sentences
    for split, examples in splits(subject).items():
        for id_, texts in zip(examples.ids, examples.texts, strict=True):
            where = f"in example {id_} of {split}"
            sound = isinstance(texts, tuple) and len(texts) == count
            require(sound, f"a tuple of {count} text(s) {where}", repr(texts))
            for text in texts:
                sound = isinstance(text, str) and text.strip()
                require(sound, f"words in every text {where}", repr(text))


@check("train and dev have labels, each a class or within the range, and train all classes")
def labels_are_in_range(subject: Subject) -> None:
    info = build(subject).describe()
    expected = f"within {info.score_range}" if info.classes is None else f"in {_classes(info)}"
    for split, labels in labelled(subject):
        strange = [repr(label) for label in labels if not _fits(info, label)]
        require(not strange, f"labels of {split} {expected}", some(strange))
        missing = [str(label) for label in _classes(info) if label not in labels]
        if split == "train":
            require(not missing, f"all of {_classes(info)} in train", f"none of {some(missing)}")


@check("on dev every metric is defined, and 1 for perfect predictions")
def perfect_predictions_score_1(subject: Subject) -> None:
    labels = dict(labelled(subject))["dev"]
    for name in build(subject).describe().metrics:
        value = METRICS[name](labels, labels)
        came = "an undefined one" if value is None else value
        sound = value is not None and abs(value - 1) <= TOP
        require(sound, f"{name} 1 of perfect predictions on dev", came)


@check("test has no labels where none are asked for")
def gives_no_labels_unasked(subject: Subject) -> None:
    if "test" in splits(subject):
        labels = build(subject).load("test", subject.folder, with_labels=False).labels
        require(labels is None, "labels None of load('test', with_labels=False)", "labels")


@check("loading again gives the same, in any order of the splits, and draws nothing at random")
def loads_the_same_again(subject: Subject) -> None:
    first = splits(subject)
    for seed in (1, 2):
        again = build(subject)
        with seeded_globally(seed), untouched():
            for split in reversed(first):
                came = [fingerprint(again.load(split, subject.folder)) for _ in range(2)]
                same = came == [fingerprint(first[split])] * 2
                require(same, f"the same {split} split each time", "another")


@check("another process loads the same, in any order of a set, and needs no torch for that")
def loads_the_same_in_every_process(subject: Subject) -> None:
    """Have it described alone where it reads files, and no folder is named."""
    names = tuple(splits(subject)) if subject.folder is not None or loads(subject) else ()
    parts = f"[fingerprint(made.load(split, {_path(subject.folder)})) for split in {names}]"
    setup = f"{_setup(subject)}made.describe()\nfrom mtbench.data import fingerprint\n"
    first, second = (ask(subject, parts, setup=setup, hash_seed=seed) for seed in (1, 4))
    came = "one, to describe and load it"
    require(not first.torch, "no import of torch, as planning must not", came)
    for split, one, other in zip(names, first.value, second.value, strict=True):
        require(one == other, f"one fingerprint of {split} in every process", f"{one}, {other}")


@check("a row that was left out tells its file, line and reason")
def bad_rows_say_where(subject: Subject) -> None:
    for split, examples in splits(subject).items():
        for row in examples.bad_rows:
            sound = isinstance(row, BadRow) and row.file and type(row.line) is int
            sound = sound and row.line >= 1 and row.reason and "\n" not in row.reason
            expected = f"bad rows of {split} with a file, a line from 1 and a reason in one line"
            require(sound, expected, row)


def _classes(info: TaskInfo) -> range:
    return range(info.classes or 0)


def _fits(info: TaskInfo, label: object) -> bool:
    """Whether a label is one of the task's."""
    if isinstance(label, bool) or not isinstance(label, int | float) or not math.isfinite(label):
        return False
    if info.score_range is None:
        return label in _classes(info)
    low, high = info.score_range
    return low <= label <= high


def _setup(subject: Subject) -> str:
    """Return Python that has a new process read the task in its layouts."""
    layouts = subject.spec.layouts
    if layouts is None:
        return ""
    return (
        "from mtbench.data.layouts import LaidOutTask\n"
        f"made = LaidOutTask(made, tuple(resolve({layouts!r})))\n"
    )


def _path(folder: Path | None) -> str:
    """Return Python for a folder."""
    return "None" if folder is None else f"Path({str(folder.absolute())!r})"
