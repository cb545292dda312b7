import pytest

from mtbench.data.labels import Label, class_label, named_label, score_label


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("0.0", 0), ("1.0", 1), (" 4 ", 4)])
def test_class_label(text: str, value: float) -> None:
    assert class_label("y", 5).parse(text) == value


@pytest.mark.parametrize(
    ("label", "text", "reason"),
    [
        (class_label("y", 5), "5", "its 'y' is '5', no class from 0 to 4"),
        (class_label("y", 5), "-1", "its 'y' is '-1', no class from 0 to 4"),
        (class_label("y", 2), "0.5", "its 'y' is '0.5', no class from 0 to 1"),
        (class_label("y", 2), "yes", "its 'y' is 'yes', not a number"),
        (class_label("y", 3), "true", "its 'y' is 'true', not a number"),
        (score_label("y", 0, 1), "true", "its 'y' is 'true', not a number"),
        (class_label("y", 5), "0_3", "its 'y' is '0_3', not a number"),
        (class_label("y", 5), "\u0663", "its 'y' is '\u0663', not a number"),
        (score_label("y", 0, 5), "0_3.5", "its 'y' is '0_3.5', not a number"),
        (score_label("y", 0, 5), "\u0663", "its 'y' is '\u0663', not a number"),
        (class_label("y", 2), "nan", "its 'y' is 'nan', not a finite number"),
        (score_label("y", 0, 5), "inf", "its 'y' is 'inf', not a finite number"),
        (score_label("y", 0, 5), "5.1", "its 'y' is '5.1', not from 0 to 5"),
        (score_label("y", 0, 5), "-0.1", "its 'y' is '-0.1', not from 0 to 5"),
    ],
)
def test_a_label_is_refused_with_a_reason(label: Label, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        label.parse(text)


def test_booleans_are_two_classes_in_either_case() -> None:
    texts = ("false", "true", "False", "True", "FALSE", " TRUE ", "0", "1.0")

    assert [class_label("y", 2).parse(text) for text in texts] == [0, 1, 0, 1, 0, 1, 0, 1]


def test_the_ends_of_a_range_belong_to_it() -> None:
    label = score_label("y", 0, 5)

    assert (label.parse("0.0"), label.parse("5"), label.parse("2.75")) == (0, 5, 2.75)


def test_a_named_label_is_its_place_among_the_names() -> None:
    label = named_label("y", ["bad", "so-so", "good"])

    assert [label.parse(text) for text in ("bad", "so-so", "good")] == [0, 1, 2]
    with pytest.raises(
        ValueError, match=r"^its 'y' is 'god', none of the 3 classes; did you mean 'good"
    ):
        label.parse("god")
    with pytest.raises(ValueError, match=r"^its 'y' is 'Paris', none of the 3 classes$"):
        label.parse("Paris")


def test_names_that_are_numbers_are_compared_as_numbers() -> None:
    label = named_label("stars", ["1", "2", "3"], required=False)

    assert [label.parse(text) for text in ("1", "2.0", "03")] == [0, 1, 2]
    assert not label.required
    for text in ("0", "4", "1.5", "nan"):
        with pytest.raises(ValueError, match="none of the 3 classes"):
            label.parse(text)


def test_names_that_only_python_takes_for_numbers_are_names() -> None:
    label = named_label("topic", ["1_0", "10", "\u0663", "3"])

    assert [label.parse(text) for text in ("1_0", "10.0", "\u0663", "3.0")] == [0, 1, 2, 3]


@pytest.mark.parametrize("names", [("False", "True"), ("false", "true"), ("FALSE", "True")])
def test_names_that_are_booleans_are_compared_without_their_case(names: tuple[str, str]) -> None:
    label = named_label("y", names)

    assert [label.parse(text) for text in ("false", "true", "False", "True")] == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="none of the 2 classes"):
        label.parse("1")


def test_the_case_of_other_names_counts() -> None:
    label = named_label("verdict", ["US", "us", "true"])

    assert [label.parse(text) for text in ("US", "us", "True")] == [0, 1, 2]
    with pytest.raises(ValueError, match=r"'Us', none of the 3 classes"):
        label.parse("Us")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a", "b", "a"), "'a' and 'a' are one class"),
        (("0", "1", "1.0"), "'1' and '1.0' are one class"),
        (("01", "1"), "'01' and '1' are one class"),
        (("True", "maybe", "true"), "'True' and 'true' are one class"),
    ],
)
def test_two_names_of_one_class_are_refused(names: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        named_label("y", names)
