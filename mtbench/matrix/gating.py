"""The gate's settings: which metrics are held against the baseline, and how."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mtbench.errors import NothingToCompare, unknown

Mode = Literal["exact", "statistical"]

Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Gate(BaseModel):
    """The table ``[gate]`` of a matrix file.

    Attributes:
        mode: ``"exact"``, each seed's score against that of the same seed; or ``"statistical"``,
            the interval of the difference over seeds and examples.
        metrics: tasks, which stand for their primary metric, or ``"overall"``.
        tolerance: how far below the baseline is still no regression, in units of the metric; one
            number, or one a metric (0 for those that are not named).
    """

    model_config = ConfigDict(extra="forbid")

    mode: Mode = "statistical"
    metrics: Annotated[list[str], Field(min_length=1)] = ["overall"]
    tolerance: Tolerance | dict[str, Tolerance] = 0.0

    def tolerance_of(self, metric: str) -> float:
        """Return how far below the baseline a metric may be."""
        if isinstance(self.tolerance, dict):
            return self.tolerance.get(metric, 0.0)
        return self.tolerance

    def check_known(self, known: Iterable[str]) -> None:
        """Make sure that every metric is one of some cell.

        Raises:
            NothingToCompare: naming the nearest one.
        """
        names = [*self.metrics, *(self.tolerance if isinstance(self.tolerance, dict) else ())]
        for name in names:
            if name not in known:
                raise NothingToCompare(str(unknown("metric", name, known, where="[gate]")))
