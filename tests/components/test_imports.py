import ast
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mtbench.components.imports import closure, counts, imported

Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None) -> Write:
    """Give a function that writes files into a folder that modules are imported from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write(files: Mapping[str, str]) -> Path:
        for name, source in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        importlib.invalidate_caches()
        return folder

    return write


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b, c as d", {("a.b", ""), ("c", "")}),
        ("from a.b import c as d, e", {("a.b", "c"), ("a.b", "e")}),
        ("from a import *", {("a", "*")}),
        ("from . import x\nfrom ..y import z", {("pack.sub", "x"), ("pack.y", "z")}),
        ("from .... import x", {("", "x")}),
        ("def f():\n    if 1:\n        import a", {("a", "")}),
        ("try:\n    import a\nexcept ImportError:\n    import b", {("a", ""), ("b", "")}),
        ("import a.b\na.c.d()", {("a.b", ""), ("a", "c"), ("a", "c.d")}),
        ("import a.b as c\nc.d", {("a.b", "")}),
        ("importlib.import_module('a.b')", {("a.b", "")}),
        ("import_module('.a', __package__)", {("pack.sub.a", "")}),
        ("import_module('..a', 'other.sub')", {("other.a", "")}),
        ("__import__('a')", {("a", "")}),
        ("import_module(name='a')", {("a", "")}),
        ("import_module(package='other.sub', name='.a')", {("other.sub.a", "")}),
        (
            "from importlib import import_module as load\nload('a')",
            {("importlib", "import_module"), ("a", "")},
        ),
        ("importlib.util.find_spec('a')", {("a", "")}),
        ("import_module(name)", set()),
        ("print('a')", set()),
    ],
)
def test_every_form_of_an_import(source: str, expected: set[tuple[str, str]]) -> None:
    assert set(imported(ast.parse(source), "pack.sub")) == expected


PACKAGE = {
    "pack/__init__.py": "from pack.base import Base\nfrom . import other\nFACTOR = 1\n",
    "pack/base.py": "class Base: ...\n",
    "pack/other.py": "import pack.far\n",
    "pack/far.py": "",
    "pack/passing/__init__.py": "from pack.passing.on import *\n",
    "pack/passing/on.py": "",
    "pack/listed/__init__.py": "__all__ = ['part', 'nothing']\n",
    "pack/listed/part.py": "",
    "pack/changed/__init__.py": "from pack.base import Base\nBase.factor = 2\n",
    "pack/either/__init__.py": "if 1:\n    from .a import f\nelse:\n    from .b import f\n",
    "pack/either/a.py": "",
    "pack/either/b.py": "",
    "pack/lazy/__init__.py": "def __getattr__(name):\n    from .inner import Thing\n",
    "pack/lazy/inner.py": "",
    "pack/space/module.py": "",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from pack import Base", {"pack.base"}),
        ("from pack import FACTOR", {"pack", "pack.base", "pack.other", "pack.far"}),
        ("from pack import far", {"pack.far"}),
        ("import pack.far\npack.FACTOR", {"pack", "pack.base", "pack.other", "pack.far"}),
        ("import pack.far\npack.Base()", {"pack.base", "pack.far"}),
        ("import pack.far\npack.base.Base()", {"pack.base", "pack.far"}),
        ("from pack.passing import anything", {"pack.passing", "pack.passing.on"}),
        ("from pack.listed import *", {"pack.listed", "pack.listed.part"}),
        ("from pack.changed import Base", {"pack.changed", "pack.base"}),
        ("from pack.either import f", {"pack.either.a", "pack.either.b"}),
        ("from pack.lazy import Thing", {"pack.lazy.inner"}),
        ("from pack.space import module", {"pack.space.module"}),
        ("from pack.space.module import x", {"pack.space.module"}),
        ("import pack.nowhere, nowhere, sys", set()),
    ],
)
def test_a_name_leads_to_what_makes_it(write: Write, source: str, expected: set[str]) -> None:
    """A package's ``__init__`` that only passes a name on is no part of what takes it."""
    write({**PACKAGE, "head.py": source})

    assert closure(["head"]).keys() == {"head", *expected}
    assert ("pack" in sys.modules) == ("space" in source)  # a folder without ``__init__``


def test_files_side_by_side(write: Write) -> None:
    write({"head.py": "def f():\n    import helper\n", "helper.py": "from third import x\n"})
    write({"third/__init__.py": "from third.inner import x", "third/inner.py": "x = 1"})

    assert closure(["head"]).keys() == {"head", "helper", "third.inner"}


INFORMATION = "{0}-1.0.dist-info"


def distribute(write: Write, name: str, packages: str, point: str = "") -> None:
    """Write what an installer leaves beside the packages of a distribution."""
    information = INFORMATION.format(name)
    write(
        {
            f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{information}/RECORD": "".join(f"{file},,\n" for file in packages.split()),
            f"{information}/entry_points.txt": f"[mtbench]\np = {point}\n" if point else "",
        }
    )


def test_whose_code_is_followed(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of plugins, whichever: what another distribution brings has a version."""
    write(
        {
            "mine/__init__.py": "",
            "mine/head.py": "import shared, library, plain, json, mtbench.api, theirs.inner",
            "shared.py": "",
            "library.py": "",
            "theirs/__init__.py": "from theirs.inner import x\n",
            "theirs/inner.py": "import theirs_too, library\n",
            "theirs_too.py": "",
        }
    )
    distribute(write, "mine", "mine/__init__.py mine/head.py shared.py", "mine")
    distribute(write, "theirs", "theirs/__init__.py theirs/inner.py theirs_too.py", "theirs")
    distribute(write, "library", "library.py")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "plain.py").write_text("import of_library_too")
    monkeypatch.syspath_prepend(elsewhere)

    expected = {"mine.head", "shared", "plain", "theirs.inner", "theirs_too"}
    assert closure(["mine.head"]).keys() - {"library"} == expected
    others = ["json", "mtbench.api", "torch", "nowhere"]
    assert list(map(counts, ["theirs", "shared.x", *others])) == [True, True, *[False] * 4]


def test_compiled_code_counts_as_it_is(write: Write) -> None:
    folder = write({"head.py": "import native\n", "native.cpython.so": ""})
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (folder / "native.cpython.so").rename(folder / f"native{suffix}")
    (folder / f"native{suffix}").write_bytes(b"\x7fELF\r\n\xff")

    assert closure(["head"])["native"] == b"\x7fELF\r\n\xff"


def test_a_root_without_a_source(write: Write) -> None:
    write({"space/data.txt": ""})

    with pytest.raises(ImportError, match="the source of the module 'space' cannot be found"):
        closure(["space"])
    with pytest.raises(ImportError, match=r"No module named 'space\.gone'"):
        closure(["space.gone"])
    assert closure(["math", "json.decoder", "mtbench.api"]) == {}
