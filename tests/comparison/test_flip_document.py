from collections.abc import Sequence
from typing import Any

from mtbench.comparison.flip_document import flip_parts
from mtbench.comparison.flips import Example, Flips
from mtbench.rendering.document import Document


def parts(flips: Sequence[Flips], seeds: int) -> list[Any]:
    """Return the parts that are shown."""
    return Document("", list(flip_parts(flips, seeds))).shown


COUNTS = {"both": 4, "a": 5, "b": 3, "none": 0}
LOST = Example("e0", 1, (1, 1, 1), (0, 0, 1), 2 / 3, ("A  text.\nIt goes on.",))
NEARER = Example("e9", 2.5, (1.0, 2.0), (2.5, 2.5), -1.25, ("One.", "Other."))
OF_CLASSES = Flips("pd", "accuracy", COUNTS, 2, 1, 4, False, [LOST])
OF_SCORES = Flips("sts", "pearson", {}, 7, 9, 20, False, [NEARER])


def test_counts_and_majorities_are_a_table() -> None:
    (section,) = parts([Flips("pd", "accuracy", COUNTS, 2, 1, 4, False)], 3)
    assert section.title == "right and wrong (pairs of a seed and an example)"
    assert section.records == [
        {
            "task": "pd",
            "A right, B wrong": "5",
            "A wrong, B right": "3",
            "both right": "4",
            "both wrong": "0",
            "lost in most seeds": "2",
            "won in most seeds": "1",
        }
    ]


def test_of_one_seed_there_is_no_majority() -> None:
    (section,) = parts([Flips("pd", "accuracy", COUNTS, 2, 1, 4, False)], 1)
    assert section.title == "right and wrong"
    assert list(section.records[0]) == [
        *("task", "A right, B wrong", "A wrong, B right", "both right", "both wrong")
    ]


def test_scores_have_a_table_of_their_own() -> None:
    *_, section, _ = parts([OF_SCORES], 2)
    assert section.records == [
        {"task": "sts", "grew from A to B": "7", "shrank": "9", "examples": "20"}
    ]


def test_an_example_is_shown_with_label_predictions_and_sentences() -> None:
    *_, pd, sts = parts([OF_CLASSES, OF_SCORES], 3)
    assert pd.lines == [("e0: A right, B wrong; label 1; A 1; B 0, 0, 1", "A text. It goes on.")]
    assert sts.lines == [("e9: error -1.250; label 2.5; A 1, 2; B 2.5", "One.", "Other.")]


def test_classes_have_their_names() -> None:
    named = Flips("pd", "accuracy", COUNTS, 2, 1, 4, False, [LOST], classes=["no", "yes"])
    *_, section = parts([named], 3)
    assert section.lines[0][0] == "e0: A right, B wrong; label yes; A yes; B no, no, yes"


def test_that_there_are_no_sentences_has_its_reason() -> None:
    *_, section = parts(
        [Flips("pd", "accuracy", COUNTS, 2, 1, 4, False, [LOST], unread="dev has changed")], 3
    )
    assert section.lines[0] == "no sentences: dev has changed"
