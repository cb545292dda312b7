"""Parameters of the balancers that draw tasks at random."""

from typing import Annotated

from pydantic import Field, PositiveInt

from mtbench.api import Parameters


class SamplingParameters(Parameters):
    """What every balancer that draws tasks can be given.

    Attributes:
        group: single-task batches that make up one step. With 1, a step has one task, as
            published; combiners of gradients need steps of several.
    """

    group: PositiveInt = 1


class TemperatureParameters(SamplingParameters):
    """Parameters of ``temperature``.

    Attributes:
        temperature: T of the exponent 1/T: 1 is in proportion to the examples, a large one
            nearly uniform. The default is the lowest that T5's authors tried.
        cap: most examples that count of a task (K in T5); None for all.
    """

    temperature: Annotated[float, Field(ge=1)] = 2.0
    cap: PositiveInt | None = None


class AnnealedParameters(SamplingParameters):
    """Parameters of ``annealed``.

    Attributes:
        end: the exponent at the last step; it is 1 at the first.
    """

    end: Annotated[float, Field(ge=0, le=1)] = 0.2
