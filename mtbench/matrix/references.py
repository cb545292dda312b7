"""References: the names that cells of a matrix can have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from mtbench.errors import UsageError, unknown
from mtbench.matrix.designs import Axes, is_named, named

SUGGESTED = 1000
"""Names of a search among which one that is near a mistaken one is looked for."""


@dataclass(frozen=True)
class Names:
    """The names that the cells of a matrix have, or may come to have.

    Attributes:
        made: of the cells that are known.
        axes: of a search, whose later cells have names of its grid; none for other designs.
    """

    made: Sequence[str]
    axes: Axes | None = None

    def __contains__(self, name: str) -> bool:
        return name in self.made or self._may_come(name)

    def _may_come(self, name: str) -> bool:
        return self.axes is not None and is_named(name, self.axes)

    def check_distinct(self, included: Sequence[str]) -> None:
        """Make sure that a name is for one cell only, before the cells are trained.

        Args:
            included: names of cells that are of no axes.

        Raises:
            UsageError: if two cells have one name.
        """
        twice = [name for name, count in Counter(self.made).items() if count > 1]
        twice += [name for name in included if self._may_come(name)]
        if twice:
            raise UsageError(f"two cells are called {twice[0]!r}; a name is for one only")

    def unknown(self, name: str, *, where: str) -> UsageError:
        """Return the error that no cell has a name."""
        later = islice(named(self.axes), SUGGESTED) if self.axes is not None else ()
        return unknown("cell", name, {*self.made, *later}, where=where)
