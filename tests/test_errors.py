import pytest

from mtbench.errors import (
    ExitCode,
    MtbenchError,
    NotAtHand,
    NothingToCompare,
    PluginError,
    RunsMissing,
    UsageError,
    is_not_at_hand,
    nearest,
    unknown,
)


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "BUG": 1,
        "USAGE": 2,
        "RUNS_MISSING": 3,
        "REGRESSION": 4,
        "NOTHING_TO_COMPARE": 5,
        "PLUGIN_BROKEN": 6,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError, 2), (RunsMissing, 3), (NothingToCompare, 5), (PluginError, 6)],
)
def test_an_error_knows_its_exit_code(error: type[MtbenchError], code: int) -> None:
    assert issubclass(error, MtbenchError)
    assert error("reason").exit_code == code


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("cosin", "cosine"),
        ("COSINE", "cosine"),
        ("relu_cosine", "relu-cosine"),
        ("linaer", "Linear"),
        ("transformer", None),
        ("", None),
    ],
)
def test_nearest(given: str, expected: str | None) -> None:
    assert nearest(given, ["Linear", "cosine", "relu-cosine"]) == expected


def test_nothing_is_near_where_nothing_is_known() -> None:
    assert nearest("cosine", []) is None


def test_unknown_says_what_was_given_what_is_near_and_what_is_known() -> None:
    error = unknown("head", "cosin", ["linear", "cosine"], where="[base]")
    assert isinstance(error, UsageError)
    assert str(error) == (
        "unknown head 'cosin' in [base]; did you mean 'cosine'? (known: cosine, linear)"
    )


def test_unknown_parts_words_that_hold_commas_by_something_else() -> None:
    error = unknown("cell", "x", ["a=1, b=1", "a=1, b=2"])
    assert str(error).endswith("(known: a=1, b=1; a=1, b=2)")


def test_unknown_makes_no_wild_guess() -> None:
    assert str(unknown("task", "qqp", ["sst", "pd"])) == "unknown task 'qqp' (known: pd, sst)"


def test_unknown_takes_known_words_from_an_iterator_and_may_have_none() -> None:
    assert "did you mean 'sst'?" in str(unknown("task", "sts", iter(["sst"])))
    assert str(unknown("task", "sst", [])) == "unknown task 'sst' (none is known)"


def test_of_many_known_words_ten_are_shown() -> None:
    words = [f"{number:02}" for number in range(12)]

    assert str(unknown("number", "x", words[:10])).endswith("08, 09)")
    assert str(unknown("number", "x", words)).endswith("08, 09, ...)")


@pytest.mark.parametrize(
    ("reason", "absent"),
    [
        (FileNotFoundError("gone"), True),
        (NotADirectoryError("no folder"), True),
        (ModuleNotFoundError("no package"), True),
        (PermissionError("not yours"), False),
        (ValueError("torn"), False),
        (None, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_at_hand_is_told_from_what_is_broken(
    reason: Exception | None, absent: bool
) -> None:
    error = PluginError("load raised")
    error.__cause__ = reason

    assert is_not_at_hand(error) is absent
    assert is_not_at_hand(NotAtHand("no folder"))
    assert not is_not_at_hand(UsageError("no such column"))
