"""The gate's settings: which metrics are held against the baseline, and how."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mtbench.errors import NothingToCompare, unknown

Mode = Literal["exact", "statistical"]

Tolerance = Annotated[
    float, Field(ge=0, allow_inf_nan=False, json_schema_extra={"exclusiveMaximum": 1})
]


class Gate(BaseModel):
    """The table ``[gate]`` of a matrix file.

    Attributes:
        mode: ``"exact"``, each seed's score against that of the same seed; or ``"statistical"``,
            the interval of the difference over seeds and examples.
        metrics: tasks, which stand for their primary metric, or ``"overall"``.
        tolerance: how far below the baseline is still no regression, in units of the metric; one
            number below 1, or one a gated metric (0 for those that are not named).
    """

    model_config = ConfigDict(extra="forbid")

    mode: Mode = "statistical"
    metrics: Annotated[list[str], Field(min_length=1)] = ["overall"]
    tolerance: Tolerance | dict[str, Tolerance] = 0.0

    @field_validator("metrics")
    @classmethod
    def _no_metric_twice(cls, metrics: list[str]) -> list[str]:
        if len(set(metrics)) < len(metrics):
            raise ValueError("a metric is given twice")
        return metrics

    @field_validator("tolerance")
    @classmethod
    def _can_fail(cls, tolerance: float | dict[str, float]) -> float | dict[str, float]:
        for allowed in tolerance.values() if isinstance(tolerance, dict) else [tolerance]:
            if allowed >= 1:
                raise ValueError(
                    "a metric is 1 at best, so that a tolerance of 1 or more would pass a "
                    f"score of 0 (given: {allowed:g})"
                )
        return tolerance

    @model_validator(mode="after")
    def _tolerances_are_of_gated_metrics(self) -> Self:
        for name in self.tolerance if isinstance(self.tolerance, dict) else ():
            if name not in self.metrics:
                error = unknown("gated metric", name, self.metrics, where="tolerance")
                raise ValueError(str(error))
        return self

    def tolerance_of(self, metric: str) -> float:
        """Return how far below the baseline a metric may be."""
        if isinstance(self.tolerance, dict):
            return self.tolerance.get(metric, 0.0)
        return self.tolerance

    def check_known(self, metrics: Iterable[str]) -> None:
        """Make sure that every metric is one of some cell.

        Raises:
            NothingToCompare: naming the nearest one.
        """
        for name in self.metrics:
            if name not in metrics:
                raise NothingToCompare(str(unknown("metric", name, metrics, where="[gate]")))
