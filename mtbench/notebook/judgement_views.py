"""Views of judgements: what a notebook or a script is given of a comparison and of a check."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mtbench.comparison.comparison import Comparisons
from mtbench.comparison.document import document as comparison_document
from mtbench.gate.document import document as gate_document
from mtbench.gate.verdicts import GateReport
from mtbench.notebook.formats import framed
from mtbench.rendering import render

if TYPE_CHECKING:
    import pandas as pd


class _View(ABC):
    """Shows the text of the terminal, in a notebook its tables."""

    @abstractmethod
    def render(self, form: str = "text") -> str: ...

    def __repr__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return self.render("html")


@dataclass(frozen=True, repr=False)
class ComparisonView(_View):
    """Two sides held against each other.

    Attributes:
        comparisons: what was found, a pair of cells each; ``comparisons.check_compared()`` raises
            where no score can be compared.
    """

    comparisons: Comparisons

    def render(self, form: str = "text", *, details: bool = False) -> str:
        """Return it as ``mtbench compare --format`` prints it.

        Args:
            details: whether each pair of many is shown in full; CSV and JSON have all anyway.

        Raises:
            UsageError: if there is no such format.
        """
        return render(comparison_document(self.comparisons, details=details), form)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a pair of cells and task, ``overall`` among them, numbers unrounded.

        Columns: those of ``comparison.records``, and ``p_holm_cells``, the p value of an overall
        difference adjusted over the pairs.
        """
        rows = comparison_document(self.comparisons).records()
        numbers = ("a", "b", "difference", "low", "high", "p", "p_holm", "p_holm_cells")
        return framed(rows).astype(dict.fromkeys(numbers, float))


@dataclass(frozen=True, repr=False)
class CheckView(_View):
    """A study held against its baseline.

    Attributes:
        report: what the gate found; ``report.verdict``, ``report.failed``.
    """

    report: GateReport

    def render(self, form: str = "text") -> str:
        """Return it as ``mtbench check --format`` prints it.

        Raises:
            UsageError: if there is no such format.
        """
        return render(gate_document(self.report), form)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a cell and gated metric; the columns are the fields of ``verdicts.Comparison``."""
        numbers = ("tolerance", "baseline", "now", "difference", "low", "high", "bound", "p")
        frame = framed(self.report.records())
        return frame.astype(dict.fromkeys(numbers, float)) if len(frame) else frame
