from pathlib import Path
from typing import Any

import pytest

from mtbench.cli.options import load_registry, overrides
from mtbench.errors import UsageError


def test_overrides_are_read() -> None:
    read = overrides(["train.lr=1e-4", "encoder.checkpoint = a=b"], ["combiner=sum"], 2, Path("d"))

    assert read.set == {"train.lr": 1e-4, "encoder.checkpoint": "a=b", "data.dir": "d"}
    assert read.axes == {"combiner": ["sum"]}
    assert read.seeds == 2


@pytest.mark.parametrize("text", ["train.lr", "train.lr=", "=1e-4", "= ", ""])
def test_a_key_needs_a_value(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--set .*: expected KEY=VALUE"):
        overrides([text], [], None, None)
    with pytest.raises(UsageError, match=r"^--axis .*: expected KEY=V1,V2$"):
        overrides([], [text], None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.lr=1\nx=2", "one value is expected, and a key of its own follows it"),
        ("train.lr=1\r\nx=2", "one value is expected, and a key of its own follows it"),
        ("train.lr=1\n[x]", "one value is expected, and a key of its own follows it"),
        ("train.lr=1\nvalue.x=2", "a value of several lines must be TOML"),
        ("train.lr=1\nvalue=2", "a value of several lines must be TOML"),
        ("encoder.checkpoint=a\nb", "a value of several lines must be TOML"),
        ("train.lr=1 # small", "a comment follows the value (quotes make it a text)"),
        ("train.lr=1\n# small", "a comment follows the value (quotes make it a text)"),
    ],
)
def test_nothing_beside_a_value_is_dropped(text: str, message: str) -> None:
    for settings, axes, option in (([text], [], "--set"), ([], [text], "--axis")):
        with pytest.raises(UsageError) as caught:
            overrides(settings, axes, None, None)
        assert str(caught.value) == f"{option} {text!r}: {message}"
        assert "\n" not in str(caught.value)


UNPAIRED = "brackets or quotes do not pair up (quotes around a value make it a text)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("combiner=sum,", "a value is missing"),
        ("combiner=sum,,pcgrad", "a value is missing"),
        ("combiner=,sum", "a value is missing"),
        ("tasks=[1,2", UNPAIRED),
        ("combiner='sum,pcgrad", UNPAIRED),
        ("combiner=sum,{name='pcgrad'", UNPAIRED),
        ("combiner=\"sum'", UNPAIRED),
    ],
)
def test_an_axis_has_each_of_its_values(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        overrides([], [text], None, None)
    assert str(caught.value) == f"--axis {text!r}: {message}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[" * 10_000, "a value is nested more than 64 deep"),
        ("[" * 65 + "]" * 65, "a value is nested more than 64 deep"),
        ("{a=" * 400 + "1" + "}" * 400, "a value is nested more than 64 deep"),
        ("9" * 5000, "a number is too large: it has more than 308 digits"),
        ("-1" + "0" * 309, "a number is too large: it has more than 308 digits"),
        (f"[1, 0x{'f' * 5000}]", "a number is too large: it has more than 308 digits"),
    ],
    ids=["brackets", "pairs of brackets", "tables", "digits", "no float", "hexadecimal"],
)
def test_a_value_beyond_all_bounds_is_refused(value: str, message: str) -> None:
    for settings, axes, option in (
        ([f"train.lr={value}"], [], "--set"),
        ([], [f"train.lr={value}"], "--axis"),
    ):
        with pytest.raises(UsageError) as caught:
            overrides(settings, axes, None, None)
        assert str(caught.value) in (
            f"{option} {(settings or axes)[0]!r}: {message}",
            f"{option} {axes[0]!r}: {UNPAIRED}" if axes else "",
        )


def test_a_key_is_given_once() -> None:
    with pytest.raises(UsageError, match=r"^--set 'train\.lr = 2': train\.lr is given twice$"):
        overrides(["train.lr=1", "train.lr = 2"], [], None, None)
    with pytest.raises(UsageError, match=r"^--axis 'combiner=b': combiner is given twice$"):
        overrides([], ["combiner=a", "combiner=b"], None, None)


@pytest.mark.parametrize(
    ("here", "hint"),
    [
        ("matrix.toml", "Here is matrix.toml: 'mtbench {} matrix.toml'"),
        ("study.toml", "'mtbench init' writes one."),
    ],
)
@pytest.mark.parametrize("command", ["ablate", "plan", "leaderboard", "check"])
def test_a_command_without_its_matrix_says_what_is_here(
    call: Any, command: str, here: str, hint: str
) -> None:
    Path(here).touch()

    answer = call(command)

    assert (answer.code, answer.out) == (2, "")
    last = answer.err.splitlines()[-1]
    assert last == f"Error: Missing argument 'MATRIX'. {hint.format(command)}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "{}"),
        ("plan", "m.toml", "--store", "{}"),
        ("check", "m.toml", "--baseline", "{}"),
        ("check", "m.toml", "--junit", "{}"),
        ("compare", "m.toml", "m.toml", "--store-b", "{}"),
        ("predict", "a", "--out", "{}"),
        ("data", "status", "{}"),
        ("init", "{}"),
        ("plugins", "new", "head", "mine", "--dir", "{}"),
    ],
    ids=lambda arguments: " ".join(arguments[:-1]),
)
def test_a_path_that_the_system_cannot_follow_is_one_line(
    call: Any, arguments: tuple[str, ...]
) -> None:
    Path("loop").symlink_to("loop")
    for path, reason in (("n" * 256, "File name too long"), ("loop", "Too many levels of")):
        answer = call(*(each.format(path) for each in arguments))

        assert (answer.code, answer.out) == (2, "")
        last = answer.err.splitlines()[-1]
        assert last.startswith("Error: Invalid value for ")
        assert f": {path}: {reason}" in last


@pytest.mark.usefixtures("new_modules")
def test_broken_plugins_are_told_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "falls_over.py"
    file.write_text("import a_module_that_is_nowhere\n")

    registry = load_registry([file])

    out, err = capsys.readouterr()
    assert registry.find("head", "linear").spec.name == "linear"
    assert out == ""
    assert err == (
        "warning: broken plugin falls_over (falls_over.py): "
        "ModuleNotFoundError: No module named 'a_module_that_is_nowhere' (falls_over.py:1)\n"
    )
