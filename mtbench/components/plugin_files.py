"""Plugin files: Python files that are plugins without being installed (``--plugin``)."""

import ast
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from mtbench.components.blocking import Blocking
from mtbench.components.imports import HARNESS, imported
from mtbench.components.modules import folder_of, spec_of, top
from mtbench.data.files import nearest_beside
from mtbench.errors import UsageError
from mtbench.hookspecs import NAMESPACE
from mtbench.system.console import say

BESIDE = "mtbenchfile.py"
"""A file of this name is a plugin of the matrix beside it; each study may have its own."""

_folders: list[str] = []
"""Of plugin files, those on ``sys.path`` that were put there below."""

_beside_file: dict[str, frozenset[str]] = {}
"""Of plugin files, by their modules, the modules beside them that they import."""

_told: set[Path] = set()
"""Files that this process has named on stderr, as it loaded them unasked."""


def with_file_beside(given: Iterable[Path], matrix: Path) -> list[Path]:
    """Return plugin files that somebody gave, and behind them that in the folder of a matrix.

    Where one of its name is given, that one is meant, wherever it lies.

    Args:
        matrix: its file, or the folder of that.
    """
    files = [*given]
    file = (matrix if matrix.is_dir() else matrix.parent) / BESIDE
    named = any(other.name == BESIDE for other in files)
    return files if named or not file.is_file() else [*files, file]


def distinct(files: Iterable[Path]) -> list[Path]:
    """Return the files, each of them once, however often and in what spelling it was given.

    Raises:
        UsageError: if two of them have one name, and so would be one module.
    """
    by_name: dict[str, Path] = {}
    for file in files:
        other = by_name.setdefault(file.name, file)
        # Not ``resolve``, which raises for a link that leads to itself; see ``check_file``.
        if os.path.realpath(other) != os.path.realpath(file):
            raise UsageError(f"--plugin {file}: it has the name of another one, {other}")
    return list(by_name.values())


def tell(files: Iterable[Path], blocked: Collection[str] = ()) -> None:
    """Name on stderr, once a process, the ``mtbenchfile.py`` among the files that are loaded.

    Nobody wrote its name into the command, and it is code that runs.

    Args:
        blocked: names of plugins that are not loaded.
    """
    if Blocking(blocked).blocks(Path(BESIDE).stem):
        return
    for file in files:
        if file.name == BESIDE and file.resolve() not in _told:
            _told.add(file.resolve())
            say(f"loading {file}, which is code (-p no:{file.stem} leaves it out)")


def files_of_run(
    files: Iterable[str], providers: Mapping[str, str], offered: Iterable[Path], *, run: str
) -> list[Path]:
    """Return the plugin files of a stored run among those that are offered, by name.

    What a store says of where they lie is not followed: whoever wrote it may be a stranger.

    Args:
        files: that its request names.
        providers: which of them brought which component, by their names.
        run: how the message calls it.

    Raises:
        UsageError: if one is missing that brought a component of the run, and no distribution
            has become the plugin.
    """
    by_name = {file.name: file for file in distinct(offered)}
    needed = [file for file in map(Path, files) if file.name in providers.values()]
    installed = {point.module for point in entry_points(group=NAMESPACE)}
    missing = [
        str(file) for file in needed if file.name not in by_name and file.stem not in installed
    ]
    if missing:
        raise UsageError(
            f"{run} was trained with the plugin file {', '.join(missing)}: give it with --plugin "
            "FILE (code is not run because a store names it)"
        )
    return [by_name[file.name] for file in needed if file.name in by_name]


def check_file(file: Path) -> None:
    """Make sure that a file can be imported as a module of its own name.

    Raises:
        UsageError: if it is not there, is not named like a module, is one of a package, or would
            hide another one.
    """
    if file.is_dir() or file.name == "__init__.py":
        raise UsageError(
            f"--plugin {file}: it takes a file that stands alone; a package is installed: "
            "'pip install -e FOLDER', with the folder of its pyproject.toml"
        )
    if not file.is_file():
        guess = nearest_beside(file)
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise UsageError(f"--plugin {file}: there is no such file{hint}")
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise UsageError(f"--plugin {file}: a plugin file is named like a Python module")
    if file.name == BESIDE:
        return  # whoever loads a study means its own, and none that was there before
    module = sys.modules.get(file.stem)
    origin = getattr(module, "__file__", None) if module else _origin(file.stem)
    if (module or origin) and Path(origin or "/").resolve() != file.resolve():
        raise UsageError(
            f"--plugin {file}: the module {file.stem!r} exists already ({origin}); rename the "
            "file, or leave --plugin out if that module is the plugin you mean"
        )


def make_importable(files: Sequence[Path]) -> None:
    """Let plugin files import what lies beside them, behind all else that can be imported.

    The folders of these files come last on ``sys.path``, only before those of files that were
    loaded earlier, whose modules are forgotten where these files have some of the same name.

    Raises:
        UsageError: if a file imports one beside it, and Python would find another one.
    """
    folders = [str(file.resolve().parent) for file in files]
    rest = [folder for folder in sys.path if folder not in _folders]
    ours = [folder for folder in dict.fromkeys([*folders, *_folders]) if folder not in rest]
    sys.path[:] = [*rest, *ours]
    earlier, _folders[:] = set(_folders), ours
    beside = {file: sorted(_beside(file)) for file in files}
    _beside_file.update({file.stem: frozenset(names) for file, names in beside.items()})
    names = {module for modules in beside.values() for module in modules}
    stale = {name for name in names if str(folder_of(name)) in earlier}
    for name in [name for name in sys.modules if top(name) in stale]:
        del sys.modules[name]
    for file, modules in beside.items():
        for name in modules:
            if folder_of(name) != file.resolve().parent:
                spec = spec_of(name)
                origin = None if spec is None else spec.origin
                raise UsageError(
                    f"--plugin {file}: it imports {name!r}, and another module of that name "
                    f"({origin}) hides the one beside it: rename that"
                )


def modules_beside(module: str) -> frozenset[str]:
    """Return the modules beside a plugin file that it imports, or that those import.

    Args:
        module: the file's; none has any that is no plugin file.
    """
    return _beside_file.get(module, frozenset())


def _beside(file: Path) -> set[str]:
    """Return the modules in a file's folder that it imports, or that those import."""
    folder, names, pending = file.resolve().parent, set[str](), [file]
    while pending:
        for name in _imported_tops(pending.pop()) - names - {file.stem, HARNESS}:
            module, package = folder / f"{name}.py", folder / name
            if module.is_file() or (package / "__init__.py").is_file():
                names.add(name)
                pending += [module] if module.is_file() else package.rglob("*.py")
    return names


def _imported_tops(file: Path) -> set[str]:
    try:
        tree = ast.parse(file.read_bytes())
        return {top(module) for module, _ in imported(tree, "") if module}
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: of deep nesting
        return set()  # whoever imports it is told


def import_file(file: Path) -> ModuleType:
    """Import a file as a module of its own name, so that ``"my_head:MyHead"`` finds it.

    No byte code is kept of it, which is told from its source by size and second: a quick edit
    would be overlooked.
    """
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None  # a .py file always has a spec, and a loader
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[file.stem] = module
    keeping, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    finally:
        sys.dont_write_bytecode = keeping
    return module


def _origin(module: str) -> str | None:
    """Return where a module lies already, the folders of earlier plugin files aside."""
    spec = spec_of(module)
    return None if spec is None or str(folder_of(module)) in _folders else spec.origin
