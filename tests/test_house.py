"""The house's own rules: which room may import which, what a module looks like, one way in."""

import ast
import math
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = ROOT / "plugins"
BUILTINS = "mtbench_builtins"
LONGEST = 300  # lines of a module

# A room is a package, or a module, right under mtbench/; "" is mtbench/__init__ itself. Imports go
# to a lower floor or sideways, and between rooms they run in no circle.
FLOORS = """
    errors metrics randomness devices version
    combination targets protocols parameters specs hookspecs rendering system
    store executors data api
    components
    matrix
    gradients study
    model evidence
    training board
    runs comparison gate
    bench
    testing
    interface
    cli __main__ pytest_plugin
"""
FLOOR_OF = {room: floor for floor, line in enumerate(FLOORS.split("\n")) for room in line.split()}
FLOOR_OF[""] = max(FLOOR_OF.values())  # the package itself shows what is under the roof

ROOT_FILES = 16  # at most: what is public, and the ground
WITH_TORCH = ("gradients", "model", "training", "runs", "testing", "bench.worker", "bench.matmul")
"""Rooms and modules that import torch with themselves; the others do so in functions, or never."""


def modules_under(source_root: Path, package: str) -> dict[str, Path]:
    """Return the modules of a package by full name."""
    found = {}
    for path in sorted((source_root / package).rglob("*.py")):
        parts = path.relative_to(source_root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


CORE = modules_under(ROOT, "mtbench")
BUILTIN = modules_under(PLUGINS, BUILTINS)
TOOLS = modules_under(ROOT, "tools")
MODULES = CORE | BUILTIN | TOOLS


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imports(name: str, node: ast.AST | None = None) -> Iterator[str]:
    """Yield what a module (or one node of it) imports, wherever it does so, by full name.

    ``from package import x`` is an import of ``package.x`` where that is a module of ours.
    """
    for child in ast.walk(node or tree_of(name)):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{name}: a relative import"
            for alias in child.names:
                full = f"{child.module}.{alias.name}"
                yield full if full in MODULES else str(child.module)


def imports_on_import(name: str) -> Iterator[str]:
    """Yield what is imported with the module itself: not in functions, not for types only."""
    pending: list[ast.AST] = [*tree_of(name).body]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(name, node)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def room_of(name: str) -> str:
    """Return the room of a module of mtbench: ``mtbench.data.status`` is in ``data``."""
    return ".".join(name.split(".")[1:2])


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in ("mtbench", BUILTINS)


def floor_of(name: str) -> float:
    """Return the floor of a module; what no room of the table holds is out of reach above it."""
    return FLOOR_OF.get(room_of(name), math.inf) if name in CORE else math.inf


def catalogues() -> list[str]:
    return sorted(name for name in BUILTIN if name.count(".") == 1)


# --- floors ---------------------------------------------------------------------------------


def test_every_module_of_the_harness_has_its_place() -> None:
    assert {room_of(name) for name in CORE} - set(FLOOR_OF) == set()


def test_the_table_names_no_room_that_is_gone() -> None:
    assert set(FLOOR_OF) - {room_of(name) for name in CORE} == set()


def test_imports_go_down_or_sideways() -> None:
    assert [
        f"{name} imports {imported}"
        for name in CORE
        for imported in filter(is_ours, imports(name))
        if floor_of(imported) > floor_of(name)
    ] == []


def test_imports_between_rooms_run_in_no_circle() -> None:
    rooms: dict[str, set[str]] = {room_of(name): set() for name in CORE}
    for name in CORE:
        rooms[room_of(name)] |= {room_of(i) for i in imports(name) if i in CORE}
    TopologicalSorter({room: below - {room} for room, below in rooms.items()}).prepare()


@pytest.mark.parametrize("modules", [CORE, BUILTIN, TOOLS], ids=["mtbench", BUILTINS, "tools"])
def test_imports_run_in_no_circle(modules: dict[str, Path]) -> None:
    graph = {name: {i for i in imports(name) if i in modules} for name in modules}
    TopologicalSorter(graph).prepare()  # raises CycleError, with the circle


def test_the_root_holds_what_is_public_and_the_ground() -> None:
    assert len(list((ROOT / "mtbench").glob("*.py"))) <= ROOT_FILES


def brings_torch(name: str) -> bool:
    return f"{name}.".startswith(tuple(f"mtbench.{place}." for place in WITH_TORCH))


def test_only_torch_rooms_bring_torch() -> None:
    assert [
        f"{name} imports {imported}"
        for name in CORE
        if not brings_torch(name)
        for imported in imports_on_import(name)
        if imported.partition(".")[0] in ("torch", "transformers") or brings_torch(imported)
    ] == []


def test_nothing_that_is_installed_needs_the_tools() -> None:
    assert [
        f"{name} imports {imported}"
        for name in CORE | BUILTIN
        for imported in imports(name)
        if imported.partition(".")[0] == "tools"
    ] == []


# --- plugins --------------------------------------------------------------------------------


def test_the_harness_does_not_know_its_own_plugins() -> None:
    assert [n for n, path in CORE.items() if BUILTINS in path.read_text(encoding="utf-8")] == []


def test_plugins_import_what_is_public() -> None:
    public = {"mtbench.api", "mtbench.testing", *BUILTIN}
    assert [
        f"{name} imports {imported}"
        for name in BUILTIN
        for imported in filter(is_ours, imports(name))
        if imported not in public
    ] == []


def test_every_kind_has_its_catalogue() -> None:
    kinds = ["balancers", "combiners", "encoders", "heads", "tasks"]
    assert catalogues() == [f"{BUILTINS}.{kind}" for kind in kinds]


@pytest.mark.parametrize("name", catalogues())
def test_a_catalogue_holds_its_specs_and_one_hook(name: str) -> None:
    _docstring, *body = tree_of(name).body
    hooks = [node for node in body if isinstance(node, ast.FunctionDef)]
    assert [hook.name for hook in hooks] == [f"mtbench_{name.rpartition('.')[2]}"]
    assert [ast.unparse(decorator) for decorator in hooks[0].decorator_list] == ["hookimpl"]
    allowed = ast.FunctionDef | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign
    assert [ast.unparse(node) for node in body if not isinstance(node, allowed)] == []


def test_a_catalogue_imports_nothing_heavy() -> None:
    script = f"""
import importlib, sys
for name in {catalogues()!r}:
    module = importlib.import_module(name)
    assert list(getattr(module, "mtbench_" + name.rpartition(".")[2])())
print(sorted({{"torch", "pydantic", "pandas", "scipy", "transformers"}} & set(sys.modules)))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# --- modules --------------------------------------------------------------------------------


def test_a_module_opens_with_one_sentence_on_one_line() -> None:
    openings = {name: (ast.get_docstring(tree_of(name)) or "").split("\n") for name in MODULES}
    assert [
        f"{name}: {first}"
        for name, (first, *rest) in openings.items()
        if not first.endswith(".") or re.search(r"[.!?] [A-Z]", first) or any(rest[:1])
    ] == []


def test_no_two_classes_have_one_name() -> None:
    nodes = [node for name in CORE for node in tree_of(name).body]
    names = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))
    public = {name: count for name, count in names.items() if not name.startswith("_")}
    assert {name: count for name, count in public.items() if count > 1} == {}


def test_a_module_is_short() -> None:
    lengths = {n: len(p.read_text(encoding="utf-8").splitlines()) for n, p in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_room_has_its_tests() -> None:
    expected = {
        place_of_tests(name) for name, path in MODULES.items() if not path.name.startswith("__")
    }
    assert [str(place.relative_to(ROOT)) for place in sorted(expected) if not place.exists()] == []


def place_of_tests(name: str) -> Path:
    """Return where the tests of a module belong: its room's folder, or the file of a module."""
    package, *rooms, module = name.split(".")
    folder = {BUILTINS: ROOT / "tests/plugins", "tools": ROOT / "tests/tools"}.get(package)
    return (folder or ROOT / "tests").joinpath(*rooms or [f"test_{module}.py"])


# --- the name -------------------------------------------------------------------------------


def shipped_texts() -> Iterator[Path]:
    """Yield what users read of the project: code, docs and settings, tests aside."""
    folders = ("docs", "leaderboards", "mtbench", "plugins", "tools")
    for path in chain(ROOT.glob("*"), *((ROOT / folder).rglob("*") for folder in folders)):
        if path.suffix in (".md", ".py", ".toml", ".template", ".ini", ".txt", ".cff"):
            yield path


def test_nothing_makes_anyone_install_another_projects_distribution() -> None:
    """``mtbench`` on the index is none of ours, nor would be what is named after it."""
    installing = re.compile(r"pip install\b[^`\n&|;]*?[\s'\"]mtbench(?![./\w])")
    texts = {path: path.read_text(encoding="utf-8") for path in shipped_texts()}
    assert len(texts) > 150
    assert [str(path) for path, text in texts.items() if installing.search(text)] == []


@pytest.mark.parametrize("folder", ["", "plugins/mtbench-torchjd"])
def test_a_distribution_is_named_and_needed_by_its_name(folder: str) -> None:
    text = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert re.match("mtl-bench(-torchjd)?$", project["name"])
    assert [requirement for requirement in needed if requirement.startswith("mtbench")] == []


# --- the two commands -----------------------------------------------------------------------


def commands() -> list[str]:
    """Return the command lines of the README's ``sh`` blocks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)).splitlines()


def test_the_readme_has_two_command_lines() -> None:
    into = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt"
    assert commands() == [
        f"{into} . && .venv/bin/mtbench ablate leaderboards/smoke/matrix.toml",
        f"{into} tox && .venv/bin/tox -p 2",
    ]


@pytest.mark.skipif(os.name == "nt", reason="the continuous integration runs a shell script")
def test_continuous_integration_runs_the_second_command(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stub = f'#!/bin/sh\necho "$(basename "$0") $*" >> {shlex.quote(str(log))}\n'
    for program in ("bin/python3", ".venv/bin/pip", ".venv/bin/tox"):
        file = tmp_path / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(stub)
        file.chmod(0o755)
    (tmp_path / ".ci").mkdir()
    for copied in ("README.md", ".ci/run"):
        (tmp_path / copied).write_bytes((ROOT / copied).read_bytes())
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", tmp_path / ".ci/run"], env={"PATH": path}, check=True, cwd="/")
    assert log.read_text().splitlines() == [
        "python3 -m venv .venv",
        "pip install -q -c constraints.txt tox",
        "tox -p 2",
    ]
