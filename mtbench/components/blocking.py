"""Blocking: which plugins ``-p no:NAME`` leaves out."""

import re
from collections.abc import Collection, Iterable

from mtbench.errors import UsageError, unknown


class Blocking:
    """The names by which plugins are blocked, and those by which they could be.

    Args:
        names: of distributions (in any of their spellings), of entry points, of an entry point
            of one distribution (``distribution/entrypoint``), or of files without ``.py``.

    Attributes:
        used: those that have blocked a plugin, as they were given.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.used: list[str] = []
        self._given = {_canonical(name): name for name in names}
        self._owners: dict[str, set[str]] = {}

    def blocks(self, point: str, distribution: str = "") -> bool:
        """Whether a plugin is left out.

        Args:
            point: its entry point, or its file without ``.py``.
            distribution: that has the entry point; empty for a file.
        """
        names = [point, *([distribution, f"{distribution}/{point}"] if distribution else [])]
        blocking = [self._given[key] for key in map(_canonical, names) if key in self._given]
        for name in names:
            self._owners.setdefault(name, set()).add(distribution or f"{point}.py")
        self.used += [name for name in blocking if name not in self.used]
        return bool(blocking)

    def check(self, names: Iterable[str]) -> None:
        """Make sure that each name is that of one plugin, or of one distribution's.

        Raises:
            UsageError: if nothing has it, or plugins of several distributions do.
        """
        owners: dict[str, set[str]] = {}
        for name_of_owner, distributions in self._owners.items():
            owners.setdefault(_canonical(name_of_owner), set()).update(distributions)
        for name in names:
            sharing = sorted(owners.get(_canonical(name), ()))
            if not sharing:
                alike = [
                    name_of_owner
                    for name_of_owner in self._owners
                    if "/" not in name_of_owner or "/" in name
                ]
                raise unknown("plugin", name, alike, where="-p")
            if len(sharing) > 1:
                raise UsageError(
                    f"-p no:{name}: {' and '.join(sharing)} have a plugin of that name; "
                    "write no:DISTRIBUTION/ENTRYPOINT"
                )


def _canonical(name: str) -> str:
    """Spell a name as PEP 503 has those of distributions."""
    return re.sub(r"[-_.]+", "-", name).lower()
