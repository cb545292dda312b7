"""Processes: a component asked again in a Python of its own, where nothing is imported yet."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtbench.specs import Target
from mtbench.testing.checks import Subject, fail, require

LIMIT = 120
"""Seconds after which an answer is not waited for any more."""

SCRIPT = """
import json, pickle, random, sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

request = json.load(sys.stdin)
sys.path[:] = request["path"]
with redirect_stdout(sys.stderr):
    from mtbench.specs import resolve

    import_module(request["module"])
    listed = "torch" in sys.modules
    target, model = map(resolve, pickle.loads(bytes.fromhex(request["targets"])))
    made = target(model.model_validate(request["parameters"]))
    exec(request["setup"])
    value = eval(request["expression"])
print(json.dumps({"value": value, "torch": "torch" in sys.modules and not listed}))
"""


@dataclass(frozen=True)
class Answer:
    """What a process answers.

    Attributes:
        value: of the expression, as JSON has it.
        torch: whether torch was imported on the way, and not with the module of the hook: who
            lists a plugin that is one file with a head in it imports torch anyway.
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
    target = subject.spec.target if target is None else target
    try:
        targets = pickle.dumps((target, subject.spec.parameters or type(subject.parameters)))
    except Exception as error:  # pickle raises of many kinds
        fail("a target that a new process can import", f"{type(error).__name__}: {error}")
    request = {
        "path": [str(Path(folder or ".").absolute()) for folder in sys.path],
        "module": subject.entry.provider.module.partition(":")[0],
        "targets": targets.hex(),
        "parameters": subject.parameters.model_dump(mode="json", by_alias=True),
        "setup": setup,
        "expression": expression,
    }
    expected = "the same to work in a process of its own"
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-B", "-c", SCRIPT],
            input=json.dumps(request),
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        fail(expected, f"no end within {LIMIT} s")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        fail(expected, lines[-1])
    require(done.stdout, expected, "an end of the process before it answered")
    return Answer(**json.loads(done.stdout))
