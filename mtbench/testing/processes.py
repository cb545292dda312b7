"""Processes: a component asked again in a Python of its own, where nothing is imported yet."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from mtbench.specs import Target
from mtbench.testing.checks import CheckFailed, Subject, fail, require

BUILDING = """
import json, pickle, random, sys
from contextlib import redirect_stdout
from pathlib import Path

request = json.load(sys.stdin)
sys.path[:] = request["path"]
with redirect_stdout(sys.stderr):
    from mtbench.components.plugin_files import import_file
    from mtbench.specs import resolve

    for file in request["files"]:
        import_file(Path(file))
    target, model = map(resolve, pickle.loads(bytes.fromhex(request["targets"])))
    made = target(model.model_validate(request["parameters"]))
    exec(request["setup"])
    value = eval(request["expression"])
print(json.dumps({"value": value, "torch": "torch" in sys.modules}))
"""

LISTING = """
import json, sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

request = json.load(sys.stdin)
sys.path[:] = request["path"]
with redirect_stdout(sys.stderr):
    from mtbench.components.plugin_files import import_file

    for file in request["files"]:
        import_file(Path(file))
    import_module(request["module"])
print(json.dumps({"value": None, "torch": "torch" in sys.modules}))
"""


@dataclass(frozen=True)
class Answer:
    """What a process answers.

    Attributes:
        value: of the expression, as JSON has it.
        torch: whether torch was imported on the way.
    """

    value: Any
    torch: bool


def ask(
    subject: Subject,
    expression: str,
    *,
    setup: str = "",
    target: Target | None = None,
    hash_seed: int = 0,
) -> Answer:
    """Build something of a component in a new process, and return what an expression gives.

    Args:
        expression: Python, in which ``made`` is what was built.
        setup: what is run before it, such as imports.
        target: what is called with the component's parameters; None for its class.
        hash_seed: decides in which order a set of texts is gone through.

    Raises:
        CheckFailed: if anything is raised there.
    """
    targets = (
        subject.spec.target if target is None else target,
        subject.spec.parameters or type(subject.parameters),
    )
    try:
        pickled = pickle.dumps(targets)
    except Exception as error:  # pickle raises of many kinds
        fail("a target that a new process can import", f"{type(error).__name__}: {error}")
    request = {
        "files": sorted({file for part in targets for file in _file(module_of(part))}),
        "targets": pickled.hex(),
        "parameters": subject.parameters.model_dump(mode="json", by_alias=True),
        "setup": setup,
        "expression": expression,
    }
    return _answer(BUILDING, request, hash_seed)


def listed_with_torch(subject: Subject) -> str | None:
    """Say that whoever lists a component imports torch with it, or None.

    The module of its hook does: a head of the same file may need it there.
    """
    module = subject.entry.provider.module.partition(":")[0]
    if _imports_torch(module, tuple(_file(module))):
        return "the module of its hook imports torch, which listing imports"
    return None


@cache
def _imports_torch(module: str, files: tuple[str, ...]) -> bool:
    try:
        return _answer(LISTING, {"module": module, "files": files}, 0).torch
    except CheckFailed:  # the check itself meets the error
        return False


def _answer(script: str, request: dict[str, Any], hash_seed: int) -> Answer:
    """Run a script in a new process, on the paths of this one, and return its answer."""
    path = [str(Path(folder or ".").absolute()) for folder in sys.path]
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        input=json.dumps({"path": path, **request}),
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = "the same to work in a process of its own"
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        fail(expected, lines[-1])
    require(done.stdout, expected, "an end of the process before it answered")
    return Answer(**json.loads(done.stdout))


def module_of(target: Target) -> str:
    """Return the module that a target lies in; of a partial, that of its function."""
    if isinstance(target, str):
        return target.partition(":")[0]
    return module_of(target.func) if isinstance(target, partial) else str(target.__module__)


def _file(module: str) -> list[str]:
    """Return the file of a module that is one, and may have been imported from it by name."""
    name = module.partition(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None)
    return [file] if file is not None and Path(file).stem == name else []
