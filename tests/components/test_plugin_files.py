import importlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from mtbench.components.entries import Entry, Provider, calling
from mtbench.components.plugin_files import (
    BESIDE,
    check_file,
    distinct,
    files_of_run,
    import_file,
    make_importable,
    modules_beside,
    tell,
    with_file_beside,
)
from mtbench.errors import PluginError, UsageError
from mtbench.specs import HeadSpec


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


def test_a_file_that_is_not_there_may_be_another_one(tmp_path: Path) -> None:
    (tmp_path / "my_head.py").touch()

    with pytest.raises(UsageError, match=r"no such file; did you mean 'my_head\.py'\?$"):
        check_file(tmp_path / "my_heed.py")


def test_a_package_is_installed(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()

    for place in (tmp_path, tmp_path / "__init__.py"):
        with pytest.raises(UsageError, match=r"a package is installed: 'pip install -e FOLDER'"):
            check_file(place)


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
    given = Path("head.py")
    assert with_file_beside([], tmp_path) == []
    file.mkdir()
    assert with_file_beside([], tmp_path) == []
    file.rmdir()
    file.write_text("")

    assert with_file_beside([], tmp_path) == with_file_beside([], tmp_path / "a.toml") == [file]
    assert with_file_beside([given], tmp_path) == [given, file]


@pytest.mark.parametrize("named", [BESIDE, f"./{BESIDE}", f"other/{BESIDE}"])
def test_a_file_that_is_given_stands_for_the_one_beside_the_matrix(
    tmp_path: Path, named: str
) -> None:
    (tmp_path / BESIDE).write_text("")
    assert with_file_beside([Path(named)], tmp_path) == [Path(named)]


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


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    link = tmp_path / "head.py"
    link.symlink_to(link)

    assert distinct([link]) == [link]
    with pytest.raises(UsageError, match="there is no such file"):
        check_file(link)


def test_two_files_of_one_name_would_be_one_module(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "folder" / file.name

    with pytest.raises(UsageError, match=r"folder/my_plugin_file\.py: it has the name of another"):
        distinct([file, other])


# --- what lies beside a file ------------------------------------------------------------------


@pytest.fixture
def load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> Callable[..., ModuleType]:
    """Give a function that writes files into a folder, and imports the first as a plugin."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def load(folder: str, files: Mapping[str, str]) -> ModuleType:
        for name, source in files.items():
            place = tmp_path / folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(source)
        importlib.invalidate_caches()
        file = tmp_path / folder / next(iter(files))
        check_file(file)
        make_importable([file])
        return import_file(file)

    return load


PLUGIN_FILE = (
    "from a_helper import FACTOR\n\ndef later():\n    import a_late\n    return a_late.X\n"
)


def test_a_file_imports_what_lies_beside_it(
    load: Callable[..., ModuleType], tmp_path: Path
) -> None:
    files = {
        "a_plugin.py": PLUGIN_FILE,
        "a_helper/__init__.py": "FACTOR = 2",
        "a_late.py": "X = 3",
    }

    module = load("one", files)

    assert (module.FACTOR, module.later()) == (2, 3)
    others = [Path(os.__file__).parent, Path(pytest.__file__).parents[1]]
    places = [sys.path.index(str(folder)) for folder in (*others, tmp_path / "one")]
    assert max(places) == places[-1]
    assert not list((tmp_path / "one").rglob("*.pyc"))
    make_importable([])
    make_importable([tmp_path / "one" / "a_plugin.py"])
    assert sys.path.count(str(tmp_path / "one")) == 1


def test_each_study_has_its_own_modules_beside_its_file(load: Callable[..., ModuleType]) -> None:
    for factor in (1, 2, 3):
        helper = {"a_helper.py": f"FACTOR = {factor}", "a_late.py": f"X = {factor}"}
        module = load(str(factor % 2), {BESIDE: PLUGIN_FILE, **helper})

        assert (module.FACTOR, module.later()) == (factor, factor)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"uuid.py": "", "a_plugin.py": "import uuid"}, "uuid"),
        ({"a_plugin.py": "def f():\n    from pluggy.hooks import x", "pluggy.py": ""}, "pluggy"),
        (
            {
                "a_plugin.py": "import a_helper",
                "a_helper.py": "import wsgiref",
                "wsgiref/__init__.py": "",
            },
            "wsgiref",
        ),
        (
            {
                "a_plugin.py": "import a_pack",
                "a_pack/__init__.py": "",
                "a_pack/x.py": "import this",
                "this.py": "",
            },
            "this",
        ),
    ],
)
def test_a_module_beside_a_file_that_another_one_hides(
    load: Callable[..., ModuleType], files: dict[str, str], name: str
) -> None:
    first = {"a_plugin.py": files.pop("a_plugin.py")}

    with pytest.raises(UsageError, match=rf"a_plugin\.py: it imports '{name}', and another mod"):
        load("one", first | files)


def test_a_folder_without_modules_hides_nothing(load: Callable[..., ModuleType]) -> None:
    load(
        "one", {"a_plugin.py": "import json, mtbench.api", "json/data.txt": "", "uuid.py": "1 / 0"}
    )
    load("one", {"a_plugin.py": "import mtbench.api", "mtbench/__init__.py": "1 / 0"})


def test_the_modules_beside_a_file_are_its_own_code(load: Callable[..., ModuleType]) -> None:
    files = {
        "a_plugin.py": "import json\nfrom a_helper import later\n",
        "a_helper.py": "def later():\n    from a_pack.deep import broken\n    broken()\n",
        "a_pack/__init__.py": "",
        "a_pack/deep.py": "def broken():\n    return {}['x']\n",
        "a_stranger.py": "",
    }
    module = load("one", files)
    assert modules_beside("a_plugin") == {"a_helper", "a_pack"}
    assert modules_beside("json") == set()

    entry = Entry(
        HeadSpec(name="tall", summary="", target="a_plugin:Tall"),
        Provider("a_plugin.py", "", "a_plugin"),
    )
    with (
        pytest.raises(PluginError, match=r"raised KeyError: 'x' \(a_pack/deep\.py:2\)$"),
        calling(entry, "rejects"),
    ):
        module.later()


def test_the_other_of_two_modules_of_one_name(
    load: Callable[..., ModuleType], tmp_path: Path
) -> None:
    load("one", {"a_plugin.py": "import a_helper", "a_helper.py": ""})
    load("two", {"another_plugin.py": "import a_helper", "a_helper.py": ""})
    files = [tmp_path / "one" / "a_plugin.py", tmp_path / "two" / "another_plugin.py"]

    with pytest.raises(UsageError, match=r"another_plugin\.py: it imports 'a_helper'"):
        make_importable(files)


# --- asked for, and not asked for -------------------------------------------------------------


def test_the_file_beside_a_matrix_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / BESIDE

    tell([tmp_path / "mine.py", file])
    tell([file])

    assert capsys.readouterr().err == (
        f"loading {file}, which is code (-p no:mtbenchfile leaves it out)\n"
    )


@pytest.mark.parametrize("name", ["mtbenchfile", "MTBenchFile"])
def test_a_file_that_is_left_out_is_not_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    tell([tmp_path / BESIDE], blocked=["another", name])

    assert capsys.readouterr().err == ""


def test_the_files_of_a_stored_run(tmp_path: Path) -> None:
    files = ["/far/head.py", "/far/mtbenchfile.py", "/far/unneeded.py", "/far/moved.py"]
    providers = {"heads.sst": "head.py", "tasks.sst": "mtbenchfile.py", "encoder": "x 1.0"}
    given = [tmp_path / "mtbenchfile.py", tmp_path / "head.py", tmp_path / "other.py"]

    assert files_of_run(files, providers, given, run="run 1") == [given[1], given[0]]
    with pytest.raises(UsageError) as caught:
        files_of_run(files, providers, given[2:], run="run 1")
    assert str(caught.value) == (
        "run 1 was trained with the plugin file /far/head.py, /far/mtbenchfile.py: give it with "
        "--plugin FILE (code is not run because a store names it)"
    )


def test_a_file_that_became_a_distribution_is_not_asked_for(install: Callable[..., Path]) -> None:
    install("my-head", "")
    providers = {"heads.sst": "my_head.py"}

    assert files_of_run(["/far/my_head.py"], providers, (), run="run 1") == []
