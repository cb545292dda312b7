import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mtbench.provenance import source_hash

Write = Callable[[Mapping[str, str]], Path]

PACKAGE = {
    "__init__.py": "",
    "catalogue/__init__.py": "CONSTANT = 1\n",
    "catalogue/head.py": """
import pack.absolute
import pack.aliased as al
from typing import TYPE_CHECKING
from torch.nn import functional

from . import sibling
from .. import outer
from ..deep.named import thing
from pack.deep import member

if TYPE_CHECKING:
    from pack import typed


class Head:
    def forward(self):
        from pack.lazy import function
        return function
""",
    "catalogue/other.py": "",
    "catalogue/sibling.py": "from pack.transitive import x\n",
    "absolute.py": "import pack.catalogue.head  # a circle\n",
    "aliased.py": "",
    "outer.py": "",
    "typed.py": "",
    "lazy.py": "",
    "transitive.py": "",
    "unrelated.py": "",
    "deep/__init__.py": "from pack.deep import exported\nmember = 1\n",
    "deep/named.py": "",
    "deep/exported.py": "",
    "deep/unrelated.py": "",
}

COUNTED = [
    "catalogue/head.py",
    "catalogue/sibling.py",
    "absolute.py",
    "aliased.py",
    "outer.py",
    "typed.py",
    "lazy.py",
    "transitive.py",
    "deep/__init__.py",
    "deep/named.py",
    "deep/exported.py",
]

TARGET = "pack.catalogue.head:Head"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None) -> Write:
    """Give a function that writes a package, called ``pack``, which can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(files: Mapping[str, str]) -> Path:
        for name, source in files.items():
            file = tmp_path / "pack" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        importlib.invalidate_caches()
        return tmp_path / "pack"

    return write


@pytest.fixture
def pack(write: Write) -> Path:
    return write(PACKAGE)


def edit(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"# edited\n")


@pytest.mark.parametrize("name", COUNTED)
def test_editing_what_a_component_is_made_of_changes_its_hash(pack: Path, name: str) -> None:
    before = source_hash(TARGET)

    edit(pack / name)

    assert source_hash(TARGET) != before


@pytest.mark.parametrize("name", sorted(PACKAGE.keys() - set(COUNTED)))
def test_editing_anything_else_leaves_it(pack: Path, name: str) -> None:
    """Neither unrelated siblings nor the ``__init__`` of a catalogue are part of a component."""
    before = source_hash(TARGET)

    edit(pack / name)

    assert source_hash(TARGET) == before


def test_line_ends_do_not_matter(pack: Path) -> None:
    before = source_hash(TARGET)

    for file in pack.rglob("*.py"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    assert source_hash(TARGET) == before


def test_where_a_package_lies_does_not_matter(
    pack: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = source_hash(TARGET)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pack"]:
        del sys.modules[name]

    (tmp_path / "elsewhere").mkdir()
    pack.rename(tmp_path / "elsewhere" / "pack")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")

    assert source_hash(TARGET) == before


def test_nothing_is_imported_but_the_packages_above(pack: Path) -> None:
    was_there = "torch" in sys.modules

    source_hash(TARGET)

    ours = {name for name in sys.modules if name.partition(".")[0] == "pack"}
    assert ours == {"pack", "pack.catalogue", "pack.deep", "pack.deep.exported"}
    assert ("torch" in sys.modules) == was_there


def test_two_components_of_one_module_differ(pack: Path) -> None:
    assert source_hash(TARGET) != source_hash("pack.catalogue.head:Tail")


def test_a_class_itself_is_the_same_as_its_name(pack: Path) -> None:
    (pack / "plain.py").write_text("class Head: ...\n")
    importlib.invalidate_caches()
    target = importlib.import_module("pack.plain").Head

    assert source_hash(target) == source_hash("pack.plain:Head")


def test_a_star_takes_names_from_the_package(write: Write) -> None:
    pack = write({"__init__.py": "", "deep/__init__.py": "", "head.py": "from pack.deep import *"})
    before = source_hash("pack.head:Head")

    edit(pack / "deep" / "__init__.py")

    assert source_hash("pack.head:Head") != before


@pytest.mark.parametrize("source", ["from pack import helper", "from . import helper"])
def test_a_package_without_init(write: Write, source: str) -> None:
    pack = write({"head.py": source, "helper.py": ""})
    before = source_hash("pack.head:Head")

    edit(pack / "helper.py")

    assert source_hash("pack.head:Head") != before


def test_a_relative_import_that_leads_nowhere(
    write: Write,
) -> None:
    pack = write({"__init__.py": "", "head.py": "def f():\n    from ... import x\n"})
    before = source_hash("pack.head:Head")

    edit(pack / "head.py")

    assert source_hash("pack.head:Head") != before


def test_a_module_on_its_own(pack: Path, tmp_path: Path) -> None:
    file = tmp_path / "alone.py"
    file.write_text("import json\nfrom pack import outer\n\ndef f():\n    from . import x\n")
    importlib.invalidate_caches()
    before = source_hash("alone:f")

    edit(pack / "outer.py")
    assert source_hash("alone:f") == before
    edit(file)
    assert source_hash("alone:f") != before


def test_a_module_without_python_source() -> None:
    assert source_hash("math:sqrt") == source_hash("math:sqrt") != source_hash("math:exp")


@pytest.mark.parametrize("module", ["no_such_module", "pack.no_such_module", "no_such.module"])
def test_a_module_that_is_not_there(pack: Path, module: str) -> None:
    with pytest.raises(ImportError, match=f"No module named '{module}'"):
        source_hash(f"{module}:Head")


def test_a_source_that_is_no_python(pack: Path) -> None:
    (pack / "lazy.py").write_text("=")

    with pytest.raises(SyntaxError, match="lazy"):
        source_hash(TARGET)
