"""The request of a run: all that a fresh process needs to train it, and what made it."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mtbench import __version__
from mtbench.plan import PlannedCell, PlannedRun
from mtbench.store import REQUEST, RunFolder, Store, machine, write_json

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "tokenizers")
"""Packages that numbers pass through; a table that mixes their versions warns."""


def write_request(
    store: Store, cell: PlannedCell, run: PlannedRun, plugins: Sequence[Path]
) -> RunFolder:
    """Write ``run.json`` and return the run's folder."""
    folder = store.create(run.key)
    record: dict[str, Any] = {
        "key": run.key,
        "cell": cell.name,
        "seed": run.seed,
        "config": cell.config,
        "identity": cell.identity,
        "plugins": [str(file.resolve()) for file in plugins],
        "providers": cell.providers,
        "versions": versions(),
        "machine": machine(),
    }
    write_json(folder.path / REQUEST, record)
    return folder


def versions() -> dict[str, str]:
    """Return the versions of the harness and of the packages that numbers pass through."""
    found = {"mtbench": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # a plugin-only set-up may do without one of them
    return found
