"""What the conformance kit asks of a task's examples: ids, texts, labels, and that they stay."""

import math
from collections import Counter

from mtbench.data import fingerprint
from mtbench.metrics import METRICS
from mtbench.protocols import Examples, Split, TaskInfo
from mtbench.testing.checks import ANYTHING, Checks, Subject, require
from mtbench.testing.generators import seeded_globally, untouched
from mtbench.testing.loads import build, labelled, some, splits, without_data

check = Checks("task")

TOP = 1e-6
"""How far from 1 a metric of perfect predictions may be."""


@check(
    "train and dev have examples, and so has test where there is one", inapplicable=without_data
)
def splits_have_examples(subject: Subject) -> None:
    for split, examples in splits(subject).items():
        require(len(examples.ids), f"examples in the {split} split", "none")
        count = len(examples.ids)
        labels = count if examples.labels is None else len(examples.labels)
        require(
            len(examples.texts) == labels == count,
            f"as many texts and labels as ids in {split}, {count}",
            f"{len(examples.texts)} texts and {labels} labels",
        )


@check("ids are texts, and unique within a split", inapplicable=without_data)
def ids_are_unique(subject: Subject) -> None:
    for split, examples in splits(subject).items():
        strange = [repr(id_) for id_ in examples.ids if not (isinstance(id_, str) and id_)]
        require(not strange, f"ids of {split} that are texts", some(strange))
        again = [id_ for id_, count in Counter(examples.ids).items() if count > 1]
        require(not again, f"unique ids in {split}", f"{some(again)} more than once")


@check("no id is in two splits", inapplicable=without_data)
def splits_share_no_id(subject: Subject) -> None:
    where: dict[str, Split] = {}
    for split, examples in splits(subject).items():
        shared = [f"{id_} of {where[id_]}" for id_ in examples.ids if id_ in where]
        require(not shared, f"ids in {split} that no other split has", some(shared))
        where |= dict.fromkeys(examples.ids, split)


@check("examples come in ascending order of their ids", inapplicable=without_data)
def ids_are_in_order(subject: Subject) -> None:
    for split, examples in splits(subject).items():
        for one, other in zip(examples.ids, examples.ids[1:], strict=False):
            require(one <= other, f"ids of {split} in ascending order", f"{other!r} after {one!r}")


@check("an example has one text a sentence, none of them blank", inapplicable=without_data)
def texts_are_sentences(subject: Subject) -> None:
    count = build(subject).describe().sentences
    for split, examples in splits(subject).items():
        for id_, texts in zip(examples.ids, examples.texts, strict=True):
            where = f"in example {id_} of {split}"
            require(
                isinstance(texts, tuple) and len(texts) == count,
                f"a tuple of {count} text(s) {where}",
                repr(texts),
            )
            for text in texts:
                require(
                    isinstance(text, str) and text.strip(),
                    f"words in every text {where}",
                    repr(text),
                )


@check("train and dev have labels, each a class or within the range", inapplicable=without_data)
def labels_are_in_range(subject: Subject) -> None:
    info = build(subject).describe()
    for split, labels in labelled(subject):
        strange = [repr(label) for label in labels if not _fits(info, label)]
        if info.classes is not None:
            require(not strange, f"classes 0 to {info.classes - 1} in {split}", some(strange))
        else:
            require(not strange, f"scores within {info.score_range} in {split}", some(strange))


def _scores(subject: Subject) -> str | None:
    """Say that a task has no classes, or no data, or None."""
    try:
        classes = build(subject).describe().classes
    except ANYTHING:
        return None  # the check itself meets the error
    return without_data(subject) if classes is not None else "it has no classes"


@check("every class occurs in train", inapplicable=_scores)
def every_class_occurs(subject: Subject) -> None:
    classes = build(subject).describe().classes
    labels = dict(labelled(subject))["train"]
    missing = [str(label) for label in range(classes) if label not in labels]
    require(not missing, f"all of 0 to {classes - 1} in train", f"none of {some(missing)}")


@check("on dev every metric is defined, and 1 for perfect predictions", inapplicable=without_data)
def perfect_predictions_score_1(subject: Subject) -> None:
    labels = dict(labelled(subject))["dev"]
    for name in build(subject).describe().metrics:
        value = METRICS[name](labels, labels)
        require(
            value is not None and abs(value - 1) <= TOP,
            f"{name} 1 of perfect predictions on dev",
            "an undefined one" if value is None else value,
        )


@check(
    "on dev every metric of wrong predictions is lower, and at least -1", inapplicable=without_data
)
def wrong_predictions_score_less(subject: Subject) -> None:
    info = build(subject).describe()
    labels = dict(labelled(subject))["dev"]
    for name in info.metrics:
        value = METRICS[name](_wrong(info, labels), labels)
        require(
            value is None or -1 - TOP <= value < 1 - TOP,
            f"{name} from -1 to below 1 of wrong predictions on dev",
            value,
        )


@check("test has no labels where none are asked for", inapplicable=without_data)
def gives_no_labels_unasked(subject: Subject) -> None:
    if "test" not in splits(subject):
        return
    given = build(subject).load("test", subject.folder, with_labels=False)
    require(given.labels is None, "labels None of load('test', with_labels=False)", "labels")


@check("loading again gives the same, in any order of the splits", inapplicable=without_data)
def loads_the_same_again(subject: Subject) -> None:
    first = splits(subject)
    again = build(subject)
    for split in reversed(first):
        for turn in ("first", "second"):
            came = again.load(split, subject.folder)
            require(
                _equal(came, first[split]), f"the same {split} split", f"another, the {turn} time"
            )
            require(
                fingerprint(came) == fingerprint(first[split]),
                f"the same fingerprint of {split}",
                "another",
            )


@check("it draws nothing from the global generators", inapplicable=without_data)
def uses_no_global_randomness(subject: Subject) -> None:
    loads = []
    for seed in range(4):
        with seeded_globally(seed), untouched():
            loads.append(splits(subject))
    for other in loads[1:]:
        for split, examples in loads[0].items():
            require(
                _equal(other[split], examples),
                f"the same {split} split whatever the global generators' state",
                "another",
            )


def _fits(info: TaskInfo, label: object) -> bool:
    """Whether a label is one of the task's."""
    if isinstance(label, bool) or not isinstance(label, int | float) or not math.isfinite(label):
        return False
    if info.classes is not None:
        return label in range(info.classes)
    low, high = info.score_range or (0.0, 0.0)
    return low <= label <= high


def _wrong(info: TaskInfo, labels: tuple[float, ...]) -> list[float]:
    """Return predictions that are all wrong: the next class, or the range upside down."""
    if info.classes is not None:
        return [(label + 1) % info.classes for label in labels]
    low, high = info.score_range or (0.0, 0.0)
    return [low + high - label for label in labels]


def _equal(one: Examples, other: Examples) -> bool:
    return (one.ids, one.texts, one.labels) == (other.ids, other.texts, other.labels)
