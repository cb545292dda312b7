"""Solvers: which packages a combiner needs besides TorchJD, and the extra that brings them."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "upgrad": ("qpsolvers", "quadprog"),
    "dualproj": ("qpsolvers", "quadprog"),
    "cagrad": ("cvxpy", "clarabel"),
    "nash-mtl": ("cvxpy", "ecos"),
}
"""Packages by the extra of this distribution that installs them."""


def missing(extra: str) -> list[str]:
    """Return the packages of an extra that cannot be imported; none of them is imported."""
    return [package for package in PACKAGES[extra] if find_spec(package) is None]


def require(extras: Iterable[str]) -> None:
    """Refuse to go on without a solver.

    Args:
        extras: names of extras; one that is no key of ``PACKAGES`` needs nothing.

    Raises:
        ValueError: if a package is missing, with the command that installs it.
    """
    for extra in extras:
        absent = missing(extra) if extra in PACKAGES else []
        if absent:
            raise ValueError(
                f"it needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} "
                f"not installed: pip install 'mtl-bench-torchjd[{extra}]'"
            )
