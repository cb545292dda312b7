import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mtbench.data import fingerprint, load, shared_texts
from mtbench.errors import NotAtHand, PluginError, UsageError
from mtbench.protocols import BadRow, Examples, Split, TaskInfo

CLASSES = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=3)
SCORE = TaskInfo(sentences=1, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0))
EXAMPLES = Examples(
    ids=("c", "a", "b"), texts=(("three",), ("one",), ("two",)), labels=(2.0, 0.0, 1.0)
)


@dataclass(frozen=True)
class Given:
    """A task with the same examples in every split."""

    examples: Examples
    info: TaskInfo = CLASSES

    def describe(self) -> TaskInfo:
        return self.info

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        return self.examples


# --- the door ---------------------------------------------------------------------------------


def test_examples_come_in_the_order_of_ids() -> None:
    examples = load(Given(EXAMPLES), "train", None, with_labels=True)

    assert examples.ids == ("a", "b", "c")
    assert examples.texts == (("one",), ("two",), ("three",))
    assert examples.labels == (0, 1, 2)


def test_labels_of_the_test_split_pass_only_where_they_are_asked_for() -> None:
    task = Given(EXAMPLES)

    assert load(task, "test", None, with_labels=False).labels is None
    assert load(task, "test", None, with_labels=True).labels == (0, 1, 2)
    assert load(task, "dev", None, with_labels=False).labels == (0, 1, 2)


class Opening(Given):
    """A task that opens a file and leaves the rest to Python."""

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        assert folder is not None
        (folder / f"{split}.txt").read_text()
        return self.examples


def test_a_path_that_the_system_does_not_take_is_the_users_affair(tmp_path: Path) -> None:
    """All else that opening files raises is the task's."""
    task = Opening(EXAMPLES)

    with pytest.raises(UsageError, match=r"^mine: its data cannot be read: File name too"):
        load(task, "train", tmp_path / ("x" * 999), with_labels=True, name="mine")
    with pytest.raises(FileNotFoundError):
        load(task, "train", tmp_path, with_labels=True, name="mine")


def test_a_test_split_without_a_row_is_not_there_and_others_are_broken() -> None:
    none = Examples(ids=(), texts=(), labels=())
    broken = replace(none, bad_rows=(BadRow("a.csv", 2, "its text is empty"),))

    with pytest.raises(NotAtHand, match=r"^the task: its test split is empty$"):
        load(Given(none), "test", None, with_labels=True)
    for examples, told in (
        (none, r"^the task: its dev split is empty$"),
        (broken, r"all rows were left out \(1\); first, a\.csv:2"),
    ):
        with pytest.raises(UsageError, match=told) as error:
            load(Given(examples), "dev", None, with_labels=True)
        assert not isinstance(error.value, NotAtHand)


@pytest.mark.parametrize("with_labels", [True, False])
@pytest.mark.parametrize("split", ["train", "dev"])
def test_train_and_dev_need_labels(split: Split, with_labels: bool) -> None:
    task = Given(replace(EXAMPLES, labels=None))

    with pytest.raises(UsageError, match=f"^sst: its {split} split has no labels$"):
        load(task, split, None, with_labels=with_labels, name="sst")


def test_the_test_split_needs_labels_where_they_are_asked_for() -> None:
    task = Given(replace(EXAMPLES, labels=None))

    assert load(task, "test", None, with_labels=False).ids == ("a", "b", "c")
    with pytest.raises(UsageError, match="its test split has no labels"):
        load(task, "test", None, with_labels=True)


def test_an_empty_split_says_what_was_left_out() -> None:
    empty = Examples(ids=(), texts=(), labels=())
    broken = replace(empty, bad_rows=(BadRow("a.csv", 2, "it has no id"),) * 3)

    with pytest.raises(UsageError, match=r"^the task: its dev split is empty$"):
        load(Given(empty), "dev", None, with_labels=True)
    with pytest.raises(UsageError, match=r"left out \(3\); first, a\.csv:2: it has no id$"):
        load(Given(broken), "dev", None, with_labels=True)


def test_labels_that_are_not_what_the_task_takes_them_for() -> None:
    """Of any task that says which label a bad row has; of test where labels are wanted."""
    bad = tuple(BadRow("a.csv", line, "no class", "3") for line in range(2, 12))
    examples = replace(EXAMPLES, labels=(2.0, 1.0, 1.0), bad_rows=bad)

    for split in ("train", "dev", "test"):
        with pytest.raises(UsageError, match=rf"^sst: no row of {split} is of class 0; .*: 10 \("):
            load(Given(examples), split, None, with_labels=True, name="sst")
    assert load(Given(examples), "test", None, with_labels=False).labels is None


def test_bad_rows_pass() -> None:
    bad = (BadRow("a.csv", 2, "it has no id"),)

    assert (
        load(Given(replace(EXAMPLES, bad_rows=bad)), "dev", None, with_labels=True).bad_rows == bad
    )


@pytest.mark.parametrize(
    ("info", "change", "reason"),
    [
        (CLASSES, {"ids": ("a", "b")}, "of different number"),
        (CLASSES, {"labels": (0.0, 1.0)}, "of different number"),
        (CLASSES, {"ids": ("a", "b", "a")}, "has an id twice"),
        (CLASSES, {"texts": (("x",), ("y", "z"), ("w",))}, r"not of 1 sentence\(s\)"),
        (CLASSES, {"texts": (("x",), (["y"],), ("w",))}, "an id or a text that is no str"),
        (CLASSES, {"texts": (("x",), (None,), ("w",))}, "an id or a text that is no str"),
        (CLASSES, {"texts": (("x",), "y", ("w",))}, r"not of 1 sentence\(s\)"),
        (CLASSES, {"ids": ("a", 1, "b")}, "an id or a text that is no str"),
        (CLASSES, {"labels": (0.0, 1.0, 3.0)}, "label outside"),
        (CLASSES, {"labels": (0.0, 1.0, -100.0)}, "label outside"),
        (CLASSES, {"labels": (0.0, 1.0, 0.5)}, "label outside"),
        (SCORE, {"labels": (0.0, 1.0, 5.5)}, "label outside"),
        (SCORE, {"labels": (0.0, 1.0, float("nan"))}, "label outside"),
    ],
)
def test_a_task_that_contradicts_itself_is_a_broken_plugin(
    info: TaskInfo, change: dict[str, tuple[float, ...]], reason: str
) -> None:
    task = Given(replace(EXAMPLES, **change), info)

    with pytest.raises(PluginError, match=f"^odd: its train split .*{reason}"):
        load(task, "train", None, with_labels=True, name="odd")


def test_scores_in_the_range_pass() -> None:
    labels = (0.0, 2.5, 5.0)
    task = Given(replace(EXAMPLES, ids=("a", "b", "c"), labels=labels), SCORE)

    assert load(task, "train", None, with_labels=True).labels == labels


# --- the fingerprint --------------------------------------------------------------------------


def test_the_fingerprint_is_pinned() -> None:
    """Stored runs are found by it: another value orphans them all."""
    lines = '["a", ["one"], 0.0]\n["b", ["two"], 1.0]\n["c", ["three"], 2.0]\n'

    assert fingerprint(EXAMPLES) == hashlib.sha256(lines.encode()).hexdigest()
    assert fingerprint(EXAMPLES).startswith("3a577d3d1daf")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_neither_order_nor_bad_rows_change_the_fingerprint(order: tuple[int, ...]) -> None:
    assert EXAMPLES.labels is not None
    other = Examples(
        ids=tuple(EXAMPLES.ids[i] for i in order),
        texts=tuple(EXAMPLES.texts[i] for i in order),
        labels=tuple(EXAMPLES.labels[i] for i in order),
        bad_rows=(BadRow("other.csv", 7, "it has no id"),),
    )

    assert fingerprint(other) == fingerprint(EXAMPLES)


def test_the_writing_of_a_label_does_not_change_the_fingerprint() -> None:
    assert fingerprint(replace(EXAMPLES, labels=(2, -0.0, 1))) == fingerprint(EXAMPLES)


@pytest.mark.parametrize(
    "change",
    [
        {"ids": ("c", "a", "d")},
        {"texts": (("three",), ("one",), ("two ",))},
        {"texts": (("three",), ("one",), ("two", ""))},
        {"labels": (2.0, 0.0, 0.0)},
        {"labels": None},
    ],
)
def test_what_decides_numbers_changes_the_fingerprint(change: dict[str, None]) -> None:
    assert fingerprint(replace(EXAMPLES, **change)) != fingerprint(EXAMPLES)


def test_no_text_imitates_a_border() -> None:
    variants = [
        Examples(ids=("a",), texts=(texts,), labels=None)
        for texts in [("x", "y"), ("x\ty",), ("x\ny",), ('x", "y',), ("xy",), ("x", "", "y")]
    ]

    assert len({fingerprint(examples) for examples in variants}) == len(variants)


# --- shared texts -----------------------------------------------------------------------------

Texts = tuple[tuple[str, ...], ...]


def with_texts(texts: Texts) -> Examples:
    return Examples(tuple(map(str, range(len(texts)))), texts, None)


@pytest.mark.parametrize(
    ("dev", "train", "count"),
    [
        ((("a film",), ("b",)), (("c",), ("a film",)), 1),
        ((("a film",), ("a film",)), (("a film",), ("a film",)), 2),
        (((" a film\n",),), (("a film",),), 1),
        ((("A film",), ("a  film",)), (("a film",),), 0),
        ((("a", "b"), ("b", "a"), ("b", "c")), (("b", "a"),), 2),
        ((("a", "a"), ("a", "b")), (("a", "a"),), 1),
        ((("a b", "c"),), (("a", "b c"),), 0),
        ((("a", "b"),), (("a", "c"), ("c", "b")), 0),
        ((), (("a",),), 0),
        ((("a",),), (), 0),
    ],
)
def test_examples_with_the_texts_of_one_of_train_are_counted(
    dev: Texts, train: Texts, count: int
) -> None:
    assert shared_texts(with_texts(dev), with_texts(train)) == count


@pytest.mark.parametrize("texts", [(("a", "b"), ("c", "d")), (("a",), ("b",), ("b",))])
def test_a_split_shares_all_with_itself_in_any_order(texts: Texts) -> None:
    turned = tuple(pair[::-1] for pair in texts[::-1])

    assert shared_texts(with_texts(turned), with_texts(texts)) == len(texts)
