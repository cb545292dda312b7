"""The request of a run: all that a fresh process needs to train it, and what made it."""

import os
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mtbench.devices import CPU
from mtbench.store import Request
from mtbench.study.plan import PlannedCell, PlannedRun
from mtbench.version import __version__

PACKAGES = ("torch", "numpy", "scipy", "tokenizers", "transformers")
"""Packages that numbers pass through; a table that mixes their versions warns."""


def request(
    cell: PlannedCell,
    run: PlannedRun,
    plugins: Sequence[Path],
    *,
    matrix: str = "",
    device: str = CPU,
    blocked: Sequence[str] = (),
) -> Request:
    """Return the request of a run, which its process stores as ``run.json``.

    Args:
        plugins: plugin files that the process loads.
        blocked: names of plugins that it leaves out.
        matrix: title of the matrix for which the run is trained.
        device: that it is trained on.
    """
    assert cell.resolved is not None  # it has a run
    return Request(
        matrix=matrix,
        key=run.key,
        cell=cell.name,
        seed=run.seed,
        device=device,
        config=cell.config,
        identity=cell.identity,
        plugins=[str(file.resolve()) for file in plugins],
        blocked=list(blocked),
        providers={
            part: f"{entry.provider.distribution} {entry.provider.version}".rstrip()
            for part, entry in cell.resolved.all_entries.items()
        },
        versions=versions(),
        machine=machine(),
    )


def versions() -> dict[str, str]:
    """Return the versions of the harness and of the packages that numbers pass through."""
    installed = {"mtl-bench": __version__} | {name: _version(name) for name in PACKAGES}
    return {package: number for package, number in installed.items() if number is not None}


@cache  # a run's request each has them
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None  # a plugin-only set-up may do without one of them


def machine() -> dict[str, Any]:
    """Describe this machine, for the record of a run."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
