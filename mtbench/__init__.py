"""A benchmark harness for multi-task learning of sentence embeddings.

The functions here do what the commands of the same names do, for notebooks and scripts. Each name
is imported when it is first asked for: ``import mtbench`` itself costs nothing.
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
    from mtbench.matrix.file import Matrix
    from mtbench.notebook.interface import ablate, leaderboard, plan
    from mtbench.notebook.judgements import check, compare

__all__ = [
    "Matrix",
    "MtbenchError",
    "NothingToCompare",
    "PluginError",
    "RunsMissing",
    "UsageError",
    "__version__",
    "ablate",
    "check",
    "compare",
    "leaderboard",
    "plan",
]

_HOMES = {
    "Matrix": "mtbench.matrix.file",
    "MtbenchError": "mtbench.errors",
    "NothingToCompare": "mtbench.errors",
    "PluginError": "mtbench.errors",
    "RunsMissing": "mtbench.errors",
    "UsageError": "mtbench.errors",
    "ablate": "mtbench.notebook.interface",
    "check": "mtbench.notebook.judgements",
    "compare": "mtbench.notebook.judgements",
    "leaderboard": "mtbench.notebook.interface",
    "plan": "mtbench.notebook.interface",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)  # modules that were imported are rooms of the house
