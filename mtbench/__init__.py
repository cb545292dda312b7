"""A benchmark harness for multi-task learning of sentence embeddings.

``Study`` does what the commands do, for notebooks and scripts; the functions here are its methods
for one question. What is heavy is imported when it is asked for: ``import mtbench`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mtbench.version import __version__

if TYPE_CHECKING:
    from mtbench.errors import (
        MtbenchError,
        NothingToCompare,
        PluginError,
        RunsMissing,
        UsageError,
    )
    from mtbench.interface import AnyView, BoardView, CheckView, ComparisonView, PlanView, Study
    from mtbench.matrix.file import Matrix

__all__ = [
    "Matrix",
    "MtbenchError",
    "NothingToCompare",
    "PluginError",
    "RunsMissing",
    "Study",
    "UsageError",
    "__version__",
    "ablate",
    "check",
    "compare",
    "leaderboard",
    "plan",
]

_HOMES = {"Matrix": "mtbench.matrix.file", "Study": "mtbench.interface"}
"""Modules of the public names; the errors lie in one."""


def plan(matrix: Any, **given: Any) -> "PlanView":
    """Answer ``Study(matrix, ...).plan(...)``; each takes what it knows of ``given``."""
    return _ask("plan", (), matrix, **given)


def ablate(matrix: Any, **given: Any) -> "BoardView":
    """Answer ``Study(matrix, ...).ablate(...)``; each takes what it knows of ``given``."""
    return _ask("ablate", (), matrix, **given)


def leaderboard(matrix: Any, **given: Any) -> "BoardView":
    """Answer ``Study(matrix, ...).leaderboard()``."""
    return _ask("leaderboard", (), matrix, **given)


def check(matrix: Any, **given: Any) -> "CheckView":
    """Answer ``Study(matrix, ...).check(...)``; each takes what it knows of ``given``."""
    return _ask("check", (), matrix, **given)


def compare(a: Any, b: Any, **given: Any) -> "ComparisonView":
    """Answer ``Study(...).compare(a, b, ...)``; each takes what it knows of ``given``."""
    return _ask("compare", (a, b), **given)


def _ask(method: str, sides: tuple[Any, ...], matrix: Any = None, **given: Any) -> "AnyView":
    study = import_module("mtbench.interface").Study
    about = {name: given.pop(name) for name in [*given] if name in study.model_fields}
    answer: AnyView = getattr(study(matrix, **about), method)(*sides, **given)
    return answer


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES.get(name, "mtbench.errors")), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)  # modules that were imported are rooms of the house
