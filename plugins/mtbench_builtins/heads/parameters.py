"""Parameters of the heads that have more than all heads have."""

from pydantic import PositiveInt

from mtbench.api import HeadParameters


class MlpParameters(HeadParameters):
    """Parameters of ``mlp``.

    Attributes:
        hidden: width of the hidden layer; None for the encoder's.
    """

    hidden: PositiveInt | None = None
