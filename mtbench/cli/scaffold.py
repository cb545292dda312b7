"""Scaffolds: the files with which a study or a plugin begins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from mtbench.components.registry import NAME, Registry
from mtbench.errors import UsageError, unknown
from mtbench.matrix.locations import MATRIX
from mtbench.protocols import SPLITS
from mtbench.specs import KINDS
from mtbench.system.outputs import write_files

OVERALL = "overall"

DATA: Mapping[str, str] = {"task": " --data data"}
"""What a command must be told besides, where a kind reads files."""

TAKEN = ("mtbench_torchjd",)
"""Modules of mtbench's own that need not be installed."""

USE: Mapping[str, str] = {
    "task": '--set \'tasks=["sample-sts", "{}"]\' --data data',
    "encoder": "--axis encoder=tiny,{}",
    "head": "--axis heads.sample-sts=linear,{}",
    "balancer": "--axis balancer=cycle,{}",
    "combiner": "--axis combiner=sum,{}",
}
"""How a study takes a component of each kind, after ``mtbench ablate study``."""


def write_study(folder: Path) -> Path:
    """Write a commented matrix file that can be trained at once, and return its path.

    Raises:
        UsageError: if the folder has one, or cannot be written to.
    """
    file = folder / MATRIX
    _write({file: _template("matrix.toml")})
    return file


def write_plugin(kind: str, name: str, folder: Path | None, registry: Registry) -> list[Path]:
    """Write a plugin that can be installed, tested and trained at once.

    Args:
        kind: of component.
        name: of the component; distribution and module are called after it.
        folder: to write into; None for one that is called as the module, with ``-``.
        registry: what is there already.

    Returns:
        The files.

    Raises:
        UsageError: if there is no such kind, the name is none or is taken, a file is there
            already, or the folder cannot be written to.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if not NAME.fullmatch(name):
        raise UsageError(f"the name {name!r} is not lower-case words joined by '-'")
    if name in registry.names(kind):
        provider = registry.find(kind, name).provider.distribution
        raise UsageError(f"there is a {kind} {name!r} already, of {provider}: take another name")
    if kind == "task" and name == OVERALL:
        raise UsageError(f"no task can be called {OVERALL!r}, which is the mean over all of them")
    # Named as mtbench's own: on the index, `mtbench` and its family are another project's.
    rest = name.removeprefix("mtl-bench-").removeprefix("mtbench-")
    module = f"mtbench_{rest.replace('-', '_')}"
    if module in TAKEN or find_spec(module) is not None:
        raise UsageError(f"there is a module {module!r} already: take another name than {name!r}")
    words = {
        "kind": kind,
        "name": name,
        "distribution": f"mtl-bench-{rest}",
        "module": module,
        "class": _class_name(kind, name),
        "use": USE[kind].format(name),
        "as_command": f"as `mtbench plugins check {kind}:{name}{DATA.get(kind, '')}`",
    }
    made = dict(_plugin(words, folder or Path(f"mtbench-{rest}")))
    _write(made)
    return list(made)


def _plugin(words: Mapping[str, str], folder: Path) -> Iterator[tuple[Path, str]]:
    kind, module = words["kind"], words["module"]
    yield folder / "pyproject.toml", _plugin_template("pyproject.toml", words)
    yield folder / "README.md", _plugin_template("README.md", words)
    # Apart from the hook, so that listing it is quick and a run's key holds the class alone.
    yield folder / module / "__init__.py", _plugin_template(f"{kind}_catalogue.py", words)
    yield folder / module / f"{kind}.py", _plugin_template(f"{kind}.py", words)
    if kind == "encoder":
        parameters = _plugin_template("encoder_parameters.py", words)
        yield folder / module / "parameters.py", parameters
    test = "test_task.py" if kind == "task" else "test.py"
    yield folder / f"test_{module}.py", _plugin_template(test, words)
    for split in SPLITS if kind == "task" else ():
        text = _plugin_template("data.tsv", {**words, "split": split})
        yield folder / "data" / f"{words['name']}-{split}.tsv", text


def _class_name(kind: str, name: str) -> str:
    """Return the name of the component's class, which hides none of those that are imported."""
    words = name.split("-")
    camel = "".join(word.capitalize() for word in words[: -1 if words[-1] == kind else None])
    if not camel:
        return f"My{kind.capitalize()}"
    return f"{kind.capitalize()}{camel}" if camel[0].isdigit() else f"{camel}{kind.capitalize()}"


def _plugin_template(name: str, words: Mapping[str, str]) -> str:
    return Template(_template(f"plugin/{name}")).substitute(words)


def _template(name: str) -> str:
    return (files("mtbench") / "templates" / f"{name}.template").read_text(encoding="utf-8")


def _write(texts: Mapping[Path, str]) -> None:
    """Write all files, or none where one of them is there already."""
    for file in texts:
        if os.path.lexists(file):
            raise UsageError(f"{file} is there already, and is not overwritten")
    write_files(texts)
