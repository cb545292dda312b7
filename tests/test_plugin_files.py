import sys
from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.plugin_files import (
    BESIDE,
    check_file,
    check_stored,
    distinct,
    file_beside,
    import_file,
)


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


# --- beside a matrix --------------------------------------------------------------------------


def test_the_file_beside_a_matrix(tmp_path: Path) -> None:
    file = tmp_path / BESIDE
    assert file_beside(tmp_path) == []
    file.mkdir()
    assert file_beside(tmp_path) == []
    file.rmdir()
    file.write_text("")

    assert file_beside(tmp_path) == file_beside(tmp_path / "study.toml") == [file]


@pytest.mark.usefixtures("new_modules")
def test_each_study_has_its_own(tmp_path: Path) -> None:
    found = []
    for study in ("one", "two"):
        file = tmp_path / study / BESIDE
        file.parent.mkdir()
        file.write_text(f"STUDY = {study!r}\n")
        check_file(file)
        found.append(import_file(file))

    assert [module.STUDY for module in found] == ["one", "two"]
    assert sys.modules["mtbenchfile"] is found[1]


def test_a_file_counts_once_however_it_is_written(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    again = [Path(file.name), Path("folder", "..", file.name), file]

    assert distinct([file, Path("other.py"), *again]) == [file, Path("other.py")]


def test_two_files_of_one_name_would_be_one_module(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "folder" / file.name

    with pytest.raises(UsageError, match=r"folder/my_plugin_file\.py: it has the name of another"):
        distinct([file, other])


def test_the_files_of_a_stored_run(tmp_path: Path) -> None:
    here, gone = tmp_path / "here.py", tmp_path / "mtbenchfile.py"
    here.touch()

    check_stored([here], (), run="run 1")
    check_stored([here, gone], ["mtbenchfile"], run="run 1")
    with pytest.raises(UsageError) as caught:
        check_stored([here, gone], ["here"], run="run 1")
    assert str(caught.value) == f"the plugin file of run 1, {gone}, is not there any more"
