"""Parameters of the balancers."""

from mtbench.api import Parameters


class SingleParameters(Parameters):
    """Parameters of ``single``.

    Attributes:
        task: name of the one task that is trained.
    """

    task: str
