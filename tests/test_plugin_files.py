import sys
from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.plugin_files import check_file, import_file


@pytest.fixture
def file(tmp_path: Path, new_modules: None) -> Path:
    path = tmp_path / "my_plugin_file.py"
    path.write_text("class Head: ...\n")
    return path


def test_a_file_becomes_a_module_of_its_name(file: Path) -> None:
    check_file(file)

    module = import_file(file)

    assert module.__name__ == "my_plugin_file"
    assert sys.modules["my_plugin_file"] is module
    assert module.Head.__module__ == "my_plugin_file"


def test_the_same_file_may_come_again(file: Path) -> None:
    first = import_file(file)
    check_file(file)

    second = import_file(file)

    assert second is not first
    assert sys.modules["my_plugin_file"] is second


@pytest.mark.parametrize("source", ["1 / 0", "raise SystemExit(3)", "raise KeyboardInterrupt"])
def test_a_file_that_fails_leaves_no_module(file: Path, source: str) -> None:
    file.write_text(source)

    with pytest.raises((ZeroDivisionError, SystemExit, KeyboardInterrupt)):
        import_file(file)

    assert "my_plugin_file" not in sys.modules


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--plugin .*head\.py: there is no such file"):
        check_file(tmp_path / "head.py")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        check_file(tmp_path)


@pytest.mark.parametrize("name", ["my-head.py", "head.txt", "1head.py", "head"])
def test_a_file_that_is_named_like_no_module(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")

    with pytest.raises(UsageError, match="a plugin file is named like a Python module"):
        check_file(tmp_path / name)


@pytest.mark.parametrize("module", ["json", "sys", "mtbench", "this", "pytest"])
def test_a_file_that_would_hide_a_module(tmp_path: Path, module: str) -> None:
    file = tmp_path / f"{module}.py"
    file.write_text("")

    with pytest.raises(UsageError, match=rf"the module '{module}' exists already \(.*rename"):
        check_file(file)


def test_two_files_of_one_name(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / file.name
    other.parent.mkdir()
    other.write_text("")
    import_file(file)

    with pytest.raises(UsageError, match="the module 'my_plugin_file' exists already"):
        check_file(other)
