from pathlib import Path

import pytest

from mtbench.bench_rendering import BENCH_FORMATS
from mtbench.board.rendering import FORMATS as BOARD_FORMATS
from mtbench.cli.options import FORMATS, load_registry, overrides
from mtbench.errors import UsageError
from mtbench.plan_rendering import PLAN_FORMATS


def test_overrides_are_read() -> None:
    read = overrides(["train.lr=1e-4", "encoder.checkpoint = a=b"], ["combiner=sum"], 2, Path("d"))

    assert read.set == {"train.lr": 1e-4, "encoder.checkpoint": "a=b", "data.dir": "d"}
    assert read.axes == {"combiner": ["sum"]}
    assert read.seeds == 2


@pytest.mark.parametrize("text", ["train.lr", "train.lr=", "=1e-4", "= ", ""])
def test_a_key_needs_a_value(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--set .*: expected KEY=VALUE$"):
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("combiner=sum,", "a value is missing"),
        ("combiner=sum,,pcgrad", "a value is missing"),
        ("combiner=,sum", "a value is missing"),
        ("tasks=[1,2", "brackets or quotes do not pair up"),
        ("combiner='sum,pcgrad", "brackets or quotes do not pair up"),
        ("combiner=sum],pcgrad", "brackets or quotes do not pair up"),
    ],
)
def test_an_axis_has_each_of_its_values(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        overrides([], [text], None, None)
    assert str(caught.value) == f"--axis {text!r}: {message}"


def test_a_key_is_given_once() -> None:
    with pytest.raises(UsageError, match=r"^--set 'train\.lr = 2': train\.lr is given twice$"):
        overrides(["train.lr=1", "train.lr = 2"], [], None, None)
    with pytest.raises(UsageError, match=r"^--axis 'combiner=b': combiner is given twice$"):
        overrides([], ["combiner=a", "combiner=b"], None, None)


def test_every_format_offered_is_one_that_exists() -> None:
    assert list(FORMATS) == list(BOARD_FORMATS) == list(PLAN_FORMATS) == list(BENCH_FORMATS)


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
