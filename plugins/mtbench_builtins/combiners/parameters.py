"""Parameters of the combiners."""

from typing import Annotated

from pydantic import Field

from mtbench.api import Parameters

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class UncertaintyParameters(Parameters):
    """Parameters of ``uncertainty``.

    Attributes:
        lr: learning rate of the log-variances.
    """

    lr: Annotated[float, Field(gt=0, le=1)] = 0.01


class DWAParameters(Parameters):
    """Parameters of ``dwa``.

    Attributes:
        temperature: the higher, the more even the weights.
        window: how many of a task's losses are averaged; stands for the paper's epoch.
    """

    temperature: Positive = 2.0
    window: Annotated[int, Field(ge=1)] = 50


class FAMOParameters(Parameters):
    """Parameters of ``famo``.

    Attributes:
        lr: learning rate of the logits.
        gamma: weight decay of the logits.
        min_loss: a lower bound of all losses; one below it fails the run.
    """

    lr: Positive = 0.025
    gamma: Annotated[float, Field(ge=0)] = 0.01
    min_loss: float = 0.0


class GradVacParameters(Parameters):
    """Parameters of ``gradvac``.

    Attributes:
        beta: how quickly the targets follow the cosines; at 0 they stay 0, which is PCGrad.
    """

    beta: Share = 0.01


class CAGradParameters(Parameters):
    """Parameters of ``cagrad``.

    Attributes:
        c: how far from the mean gradient the update may be, as a share of its length.
    """

    c: Annotated[float, Field(ge=0)] = 0.4


class GradDropParameters(Parameters):
    """Parameters of ``graddrop``.

    Attributes:
        leak: share of what is dropped that passes all the same.
    """

    leak: Share = 0.0
