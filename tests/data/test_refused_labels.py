from dataclasses import replace

import pytest

from mtbench.data.refused_labels import misreading
from mtbench.protocols import BadRow, Examples, TaskInfo

CLASSES = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=3)
NAMED = replace(CLASSES, class_names=("bad", "so-so", "good"))
SCORE = TaskInfo(sentences=1, loss="squared-error", metrics=("pearson",), score_range=(0, 1))


def examples(labels: list[float], *refused: str) -> Examples:
    return Examples(
        ids=tuple(map(str, range(len(labels)))),
        texts=(("a film",),) * len(labels),
        labels=tuple(labels),
        bad_rows=tuple(
            BadRow("a.csv", line, f"label {label!r} is none", label)
            for line, label in enumerate(refused, start=2)
        ),
    )


def test_a_class_without_a_row_beside_labels_that_were_refused() -> None:
    assert misreading(CLASSES, examples([1, 2, 1], "3", "3", "4"), "train") == (
        "no row of train is of class 0; rows left out for their label: 3 ('3' in 2, '4' in 1), "
        "the first: a.csv:2: label '3' is none; where these are right, `classes = [1, 2, 3, 4]` "
        "of a table takes them"
    )


def test_classes_are_called_as_the_data_call_them() -> None:
    said = misreading(NAMED, examples([0, 2], "fair"), "train")

    assert said is not None
    assert said.startswith("no row of train is of class 'so-so'; ")
    assert "`classes = ['bad', 'fair', 'good']`" in said


@pytest.mark.parametrize(
    ("info", "given"),
    [
        (CLASSES, examples([0, 2, 0])),  # one may be rare, as long as no label is refused
        (CLASSES, examples([0, 1, 2], "-1")),
        (CLASSES, examples([0, 1, 2], *["-1"] * 9)),  # a mark, however often it stands there
        (CLASSES, examples([0, 1, 2], "-1", "7", "8")),
        (CLASSES, replace(examples([0, 2]), bad_rows=(BadRow("a.csv", 2, "it has no id"),))),
        (SCORE, examples([0.5, 1], "-1", "-1", "-1")),
        (SCORE, examples([0.5, 1], "-1", "7")),
        (SCORE, examples([])),
    ],
)
def test_labels_that_may_be_left_out(info: TaskInfo, given: Examples) -> None:
    for split in ("train", "dev", "test"):
        assert misreading(info, given, split) is None


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_few_rows_may_lack_a_class_by_chance(split: str) -> None:
    few, more = examples([1, 2, 1, 2, 1, 2, 1], "-1"), examples([1, 2, 1, 2, 1, 2, 1], "-1", "-1")

    assert misreading(CLASSES, few, split) is None
    assert misreading(CLASSES, more, split) is not None
    assert misreading(CLASSES, few, "train") is not None


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_rare_class_may_be_absent_beside_a_rare_mark(split: str) -> None:
    labels = [0.0, 1.0] * 27  # a class would have some 20 of 60 rows

    assert misreading(CLASSES, examples(labels, *["-1"] * 6), split) is None
    assert misreading(CLASSES, examples(labels, *["3"] * 7), split) is not None
    assert misreading(CLASSES, examples(labels, "-1"), "train") is not None


@pytest.mark.parametrize("label", ["3", "3.0"])
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_labels_that_count_from_one_in_however_few_rows(split: str, label: str) -> None:
    assert misreading(CLASSES, examples([1, 2, 1], label), split) is not None
    assert misreading(CLASSES, examples([0, 1, 2], label), split) is None
    assert misreading(CLASSES, examples([1, 2, 1], "-1"), "dev") is None


@pytest.mark.parametrize("info", [CLASSES, NAMED])
def test_scores_between_classes_that_all_have_rows(info: TaskInfo) -> None:
    """As of half stars, most of which are whole ones."""
    read = [0, 1, 2] * 10
    said = misreading(CLASSES, examples(read, "0.5", "1.5"), "train")

    assert said is not None
    assert said.startswith("only 30 row(s) of train can be read; ")
    assert misreading(info, examples(read, "1.5", "2.5"), "train") is not None
    assert misreading(info, examples(read, "1.5", "1.6"), "train") is None  # strays, not a scale
    assert misreading(SCORE, examples([0.5] * 9, "1.5", "2.5"), "train") is None


def test_half_may_mark_what_neither_of_two_classes_is() -> None:
    binary = TaskInfo(sentences=1, loss="binary-cross-entropy", metrics=("accuracy",), classes=2)
    assert misreading(binary, examples([0, 1, 0, 1], "0.5", "0.5"), "train") is None
    assert misreading(binary, examples([0, 1, 0, 1], "0.5", "-1"), "train") is None
    assert misreading(binary, examples([0, 1, 0, 1], "0.4", "0.6"), "train") is not None


@pytest.mark.parametrize("info", [CLASSES, NAMED, SCORE])
def test_more_labels_are_refused_than_read(info: TaskInfo) -> None:
    said = misreading(info, examples([0, 1, 1], "2.5", "3.5", "4", "5"), "train")

    assert said is not None
    assert misreading(SCORE, examples([0, 1, 1], "2.5", "3.5", "4"), "train") is None


def test_what_is_no_name_of_a_class_is_not_proposed() -> None:
    """As where the column of the labels is one of texts."""
    sentences = [f"film {place} was " + "very " * 50 for place in range(20)]

    said = misreading(CLASSES, examples([], *sentences), "train")

    assert said is not None
    assert "of a table takes them" not in said
    assert len(said) < 1000


def test_labels_of_no_finite_number() -> None:
    for refused, remedy in ((["nan"], "`classes = [1, 2]`"), (["nan", "3"], "[1, 2, 3]`")):
        assert remedy in (misreading(CLASSES, examples([1, 2], *refused), "train") or "")
    assert "of a table" not in (misreading(CLASSES, examples([], "nan"), "train") or "")
