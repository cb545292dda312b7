"""Views: what a study answers, as a text, a table of a notebook, records or a frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from mtbench.errors import unknown
from mtbench.rendering import render
from mtbench.rendering.document import Document
from mtbench.study.durations import Estimate

if TYPE_CHECKING:
    import pandas as pd

Report = TypeVar("Report")
Record = Mapping[str, Any]


class RecordTable(NamedTuple):
    """A table of numbers behind a report: how its records are made, and their keys, if any."""

    records: Callable[[], Sequence[Record]]
    columns: Sequence[str] = ()


@dataclass(frozen=True, repr=False)
class View(Generic[Report]):
    """What a study answers, in every form that the command line has.

    Attributes:
        report: what was found: a ``Plan``, a ``Leaderboard``, ``Comparisons``, a ``GateReport``.
        document: makes the document of it.
        tables: the numbers in it, by name; the first is the one that is meant without a name.
        check: raises what the command of its name ends with where something is missing or broken;
            a gate's report has ``failed`` for that.
        remarks: what a reader must know, and CSV has no place for.
        estimate: of a plan: how long the runs that are to do will take.
    """

    report: Report
    document: Callable[..., Document]
    tables: Mapping[str, RecordTable]
    check: Callable[..., None] = lambda: None
    remarks: Sequence[str] = ()
    estimate: Estimate | None = None

    def __repr__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return self.render("html")

    def render(self, form: str = "text", **options: Any) -> str:
        """Return it as ``--format`` prints it.

        Args:
            options: of a comparison ``details``, whether each pair of many is shown in full.

        Raises:
            UsageError: if there is no such form.
        """
        return render(self.document(**options), form)

    def records(self, table: str = "") -> list[dict[str, Any]]:
        """Return the records of a table, numbers unrounded; what is not there is None.

        Args:
            table: ``"scores"`` of a leaderboard has a record a cell, task and seed.

        Raises:
            UsageError: if there is no such table.
        """
        return [dict(record) for record in self._table(table).records()]

    def to_frame(self, table: str = "") -> pd.DataFrame:
        """Return a table as a frame, a row a record; what is not there is NaN."""
        import pandas as pd

        # A column of None alone would hold Python's objects, with which pandas does not compute.
        rows = [
            {key: math.nan if value is None else value for key, value in record.items()}
            for record in self.records(table)
        ]
        frame = pd.DataFrame(rows, columns=list(self._table(table).columns) or None)
        return frame.astype({"seed": "Int64"}) if "seed" in frame else frame

    def _table(self, name: str) -> RecordTable:
        if name not in ("", *self.tables):
            raise unknown("table", str(name), self.tables)
        return self.tables[name or next(iter(self.tables))]
