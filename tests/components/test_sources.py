import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from mtbench.components.sources import source_hash, sources_hash
from mtbench.specs import resolve

Write = Callable[[Mapping[str, str]], Path]
Made = Callable[[str], Callable[..., object]]

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


def test_nothing_is_imported(pack: Path) -> None:
    was_there = "torch" in sys.modules

    source_hash(TARGET)

    ours = {name for name in sys.modules if name.partition(".")[0] == "pack"}
    assert ours == set()
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

    edit(pack / "unrelated.py")
    assert source_hash("alone:f") == before
    edit(pack / "outer.py")
    beside = source_hash("alone:f")
    assert beside != before
    edit(file)
    assert source_hash("alone:f") != beside


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


# --- what is no class or function of a module -------------------------------------------------

MADE = """
from abc import ABC
from functools import cache, partial, wraps
from types import MethodType

from pack import wrappers


class Head:
    def __init__(self, *values, **named): ...
    def build(self, *given): ...
    @classmethod
    def make(cls, *given): ...


class Later(Head): ...


def build(*given, **named): ...


class Callable:
    def __init__(self, factor):
        self.factor = factor
    def __call__(self, *given): ...
    __eq__ = lambda self, other: True  # so that it has no hash


def closing_over(factor):
    def build(*given):
        return factor
    return build


def with_default(factor):
    return lambda width, task, parameters, factor=factor: factor


def with_class(factor):
    class Local(Head):
        value = factor
        def forward(self):
            return factor
        @property
        def slope(self):
            return factor
    return Local


def with_attribute(factor):
    def build(*given):
        return build.factor
    build.factor = factor
    return build


def with_private(factor):
    class Local(Head, ABC):
        _factor = factor
    return Local


def by_type(factor):
    return type("Made", (Head,), {"factor": factor, "build": Head.build})
"""

DIFFERING = {
    "an argument of a partial": "partial(Head, {})",
    "a keyword of a partial": "partial(Head, factor={})",
    "a partial of a partial": "partial(partial(Head, {}), 3)",
    "a list in a partial": "partial(Head, factors=[1, ({},)])",
    "a table in a partial": "partial(Head, factors=dict(a={}))",
    "a set in a partial": "partial(Head, factors=frozenset([{}]))",
    "a method of an instance": "Callable({}).__call__",
    "an instance": "Callable({})",
    "a closure": "closing_over({})",
    "a default": "with_default({})",
    "a class that was made": "with_class({})",
    "a class of one that was made": "type('Made', (with_class({}),), dict(__module__='made'))",
    "an attribute of a function": "with_attribute({})",
    "what a class that was made keeps private": "with_private({})",
    "a class that was made by type": "by_type({})",
    "a class of one by type": "type('Last', (by_type({}),), dict(__module__='made'))",
    "a wrapper's argument": "wrappers.scaled({})(build)",
    "a wrapped partial": "wrappers.scaled(1)(partial(Head, {}))",
    "a function of a method": "MethodType(closing_over({}), 3)",
    "an argument that is a closure": "partial(Head, closing_over({}))",
}

WRAPPERS = """
from functools import wraps

def scaled(factor):
    def decorate(function):
        @wraps(function, assigned=("__module__", "__qualname__", "__name__"), updated=())
        def wrapper(*given):
            return factor * function(*given)
        return wrapper
    return decorate
"""


@pytest.fixture
def made(write: Write, tmp_path: Path) -> Made:
    """Give what a line of Python makes of the classes and functions of a module."""
    write({"__init__.py": "", "wrappers.py": WRAPPERS})
    (tmp_path / "made.py").write_text(MADE)
    importlib.invalidate_caches()
    return lambda text: eval(text, vars(importlib.import_module("made")))


@pytest.mark.parametrize("text", DIFFERING.values(), ids=DIFFERING)
def test_what_a_callable_was_made_with_counts(made: Made, text: str) -> None:
    first, again, other = (made(text.format(value)) for value in (1.0, 1.0, 2.0))

    assert source_hash(first) == source_hash(again) != source_hash(other)


@pytest.mark.parametrize("text", DIFFERING.values(), ids=DIFFERING)
def test_the_source_of_what_is_inside_counts(made: Made, tmp_path: Path, text: str) -> None:
    target = made(text.format(1.0))
    before = source_hash(target)

    edit(tmp_path / "made.py")

    assert source_hash(target) != before


def test_a_wrapper_has_a_source_of_its_own(made: Made, tmp_path: Path) -> None:
    """It is called like what it wraps, by ``functools.wraps``, but lies elsewhere."""
    (tmp_path / "plain.py").write_text("def build(*given): ...\n")
    importlib.invalidate_caches()
    plain = importlib.import_module("plain").build
    wrapped = importlib.import_module("pack.wrappers").scaled(2.0)(plain)
    before, of_plain = source_hash(wrapped), source_hash(plain)

    edit(tmp_path / "pack" / "wrappers.py")

    assert source_hash(wrapped) != before
    assert source_hash(plain) == of_plain


def test_a_class_made_elsewhere_has_its_bases(made: Made, write: Write) -> None:
    pack = write({"base.py": "class Base: ...\n"})
    base = importlib.import_module("pack.base").Base
    target = type("Made", (base,), {"__module__": "made"})
    before = source_hash(target)

    edit(pack / "base.py")

    assert source_hash(target) != before


def test_it_is_the_same_in_every_process(made: Made, tmp_path: Path) -> None:
    script = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}]
import made
from mtbench.components.sources import source_hash
for text in {[text.format("1.0") for text in DIFFERING.values()]!r}:
    print(source_hash(eval(text, vars(made))))
"""
    found = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    here = [source_hash(made(text.format(1.0))) for text in DIFFERING.values()]

    assert found == [here, here]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("partial(Head, __import__('threading').Lock())", "cannot pickle"),
        ("partial(Head, (n for n in [1]))", "cannot pickle"),
        ("eval('lambda *given: 1')", "it was made of text"),
        ("type('Made', (), dict(__module__='nowhere'))", "no module 'nowhere'"),
        ("type('Made', (), dict(__module__='__main__'))", "no module '__main__'"),
    ],
)
def test_what_has_no_source_is_refused(
    made: Made, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))

    with pytest.raises(ImportError, match=rf"the source of .* cannot be found: .*{reason}"):
        source_hash(made(text))


@pytest.mark.parametrize("name", ["torch.nn.functional:gelu", "torch:float32", "math:sqrt"])
def test_what_libraries_bring_counts_by_its_name(made: Made, name: str) -> None:
    head = made("Head")
    first, again, other = (partial(head, resolve(n)) for n in (name, name, "math:exp"))

    assert source_hash(first) == source_hash(again) != source_hash(other)


# --- further sources --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("pack.lazy", "lazy.py"),
        ("pack.catalogue.head", "transitive.py"),
        ("pack:unrelated.py", "unrelated.py"),
        ("pack.outer:deep/named.py", "deep/named.py"),
    ],
)
def test_what_a_spec_names_besides(pack: Path, source: str, file: str) -> None:
    before = sources_hash([source])

    edit(pack / "typed.py" if file == "unrelated.py" else pack / "unrelated.py")
    assert sources_hash([source]) == before
    edit(pack / file)
    assert sources_hash([source]) != before


def test_bytes_of_a_file_are_taken_as_they_are(pack: Path) -> None:
    (pack / "words.bin").write_bytes(b"a\r\nb\xff")
    before = sources_hash(["pack:words.bin"])

    (pack / "words.bin").write_bytes(b"a\nb\xff")

    assert sources_hash(["pack:words.bin"]) != before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("pack.gone", "sources: no module named 'pack.gone'"),
        ("words.txt", r"sources: no module named 'words.txt' \(it is MODULE, or MODULE:FILE"),
        ("gone:words.txt", "sources: no module named 'gone'"),
        ("pack:words.txt", "sources: 'pack:words.txt' cannot be read: No such file"),
        ("pack:deep", "sources: 'pack:deep' cannot be read: Is a directory"),
    ],
)
def test_further_sources_that_are_not_there(pack: Path, source: str, message: str) -> None:
    with pytest.raises(ImportError, match=message):
        sources_hash([source])


def test_further_sources_are_several() -> None:
    with pytest.raises(ImportError, match="sources: 'json' is a text, not a sequence of texts"):
        sources_hash("json")
