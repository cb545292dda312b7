"""Parameters of the sample tasks: how many examples a split has (pydantic)."""

from typing import Annotated

from pydantic import Field

from mtbench.api import Parameters

Size = Annotated[int, Field(ge=1, le=100_000)]


class SampleParameters(Parameters):
    """Examples a split.

    The training sets differ in size, so that tasks run out of data at different times. A split
    begins with the same examples whatever its size and the sizes of the others.
    """

    train: Size
    dev: Size = 300
    test: Size = 300


class SampleSSTParameters(SampleParameters):
    """Examples a split of ``sample-sst``."""

    train: Size = 640


class SamplePDParameters(SampleParameters):
    """Examples a split of ``sample-pd``."""

    train: Size = 1200


class SampleSTSParameters(SampleParameters):
    """Examples a split of ``sample-sts``."""

    train: Size = 480
