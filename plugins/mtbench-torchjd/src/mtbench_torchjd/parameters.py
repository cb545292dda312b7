"""Parameters of the combiners; what TorchJD has no default for has one here."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from mtbench.api import Parameters
from mtbench_torchjd.solvers import require

Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Preference = dict[str, NonNegativeFloat]
"""Relative weights of tasks by name: a task that is not named weighs 1.

Those of a step's tasks are divided by their sum, so that equal ones are TorchJD's default.
"""


class SolverParameters(Parameters):
    """Parameters of a combiner that needs a solver: they cannot be made without it."""

    extra: ClassVar[str]

    @model_validator(mode="after")
    def solver_is_installed(self) -> Self:
        """Refuse a plan that could not be run.

        Raises:
            ValueError: if a package is missing, with the extra that brings it.
        """
        require([self.extra])
        return self


class UPGradParameters(SolverParameters):
    """Parameters of UPGrad.

    Attributes:
        preference: relative weights of the tasks by name.
        reg_eps: added to the diagonal of the Gramian, whose trace is 1 then.
    """

    extra: ClassVar[str] = "upgrad"

    preference: Preference = Field(default={})
    reg_eps: NonNegativeFloat = 1e-4


class DualProjParameters(UPGradParameters):
    """Parameters of DualProj; see ``UPGradParameters``."""

    extra: ClassVar[str] = "dualproj"


class AlignedMTLParameters(Parameters):
    """Parameters of Aligned-MTL.

    Attributes:
        preference: relative weights of the tasks by name.
        scale_mode: which eigenvalue of the Gramian the principal components are scaled to: the
            smallest, the median, or their mean (``"rmse"``).
    """

    preference: Preference = Field(default={})
    scale_mode: Literal["min", "median", "rmse"] = "min"


class CAGradParameters(SolverParameters):
    """Parameters of CAGrad.

    Attributes:
        c: radius of the ball around the mean gradient, as a share of that one's norm.
        norm_eps: norm of the worst-case gradient under which the update is zero, relative to
            the norm of the Jacobian.
    """

    extra: ClassVar[str] = "cagrad"

    c: NonNegativeFloat = 0.4
    norm_eps: NonNegativeFloat = 1e-4


class NashMTLParameters(SolverParameters):
    """Parameters of Nash-MTL.

    Attributes:
        max_norm: largest norm of the update; 0 for no bound.
        update_weights_every: the weights are worked out anew every so many steps.
        optim_niter: most iterations of the concave-convex procedure.
    """

    extra: ClassVar[str] = "nash-mtl"

    max_norm: NonNegativeFloat = 1.0
    update_weights_every: PositiveInt = 1
    optim_niter: PositiveInt = 20


class FairGradParameters(Parameters):
    """Parameters of FairGrad.

    Attributes:
        alpha: of alpha-fairness: 0 is the mean, 1 proportional fairness.
        max_iters: most iterations of the least-squares solver; None for a hundred a task.
    """

    alpha: NonNegativeFloat = 1.0
    max_iters: PositiveInt | None = None


class MGDAParameters(Parameters):
    """Parameters of MGDA.

    Attributes:
        epsilon: step of the Frank-Wolfe solver under which it stops.
        max_iters: most iterations of the solver.
    """

    epsilon: PositiveFloat = 1e-3
    max_iters: PositiveInt = 100


class GradVacParameters(Parameters):
    """Parameters of GradVac.

    Attributes:
        beta: share of a step's cosine in the moving average of cosines.
        eps: added to denominators; gradients have a root mean square norm of 1 then.
    """

    beta: Share = 0.5
    eps: NonNegativeFloat = 1e-8


class PCDParameters(Parameters):
    """Parameters of priority-constrained descent.

    Attributes:
        primary: name of the primary task; None for the first of the step's tasks, in the
            matrix's order. A step that lacks the primary task is led by the first it has.
        tau: share of its own progress that each secondary task is guaranteed; by name, where
            they differ (a task that is not named has 0.02).
        beta: decay of the moving averages of the squared norms.
        eps: added to these, in units of the first step's mean squared norm.
    """

    primary: str | None = None
    tau: Share | dict[str, Share] = 0.02
    beta: Decay = 0.999
    eps: NonNegativeFloat = 1e-8


class ConFIGParameters(Parameters):
    """Parameters of ConFIG.

    Attributes:
        preference: relative weights of the tasks by name.
    """

    preference: Preference = Field(default={})


class GradDropParameters(Parameters):
    """Parameters of GradDrop.

    Attributes:
        leak: share of a task's gradient that is never dropped, by name; 0 where not named.
    """

    leak: dict[str, Share] = Field(default={})


Smoothed = Literal[
    "aligned-mtl", "cagrad", "dualproj", "imtl-g", "mgda", "pcgrad", "random", "upgrad"
]
"""Whose weights CR-MOGM can smooth: all that are without memory, and whose weights have no
units."""


class CRMOGMParameters(Parameters):
    """Parameters of CR-MOGM.

    Attributes:
        of: the method whose weights are smoothed, with its defaults.
        alpha: share of the last step's weights.
    """

    of: Smoothed = "mgda"
    alpha: Share = 0.9

    @model_validator(mode="after")
    def solver_is_installed(self) -> Self:
        """Refuse a plan that could not be run.

        Raises:
            ValueError: if a package is missing, with the extra that brings it.
        """
        require([self.of])
        return self


class KrumParameters(Parameters):
    """Parameters of Krum.

    Attributes:
        n_byzantine: how many tasks' gradients may be out of line.
        n_selected: how many are kept (Multi-Krum).
    """

    n_byzantine: NonNegativeInt = 0
    n_selected: PositiveInt = 1


class TrimmedMeanParameters(Parameters):
    """Parameters of the trimmed mean.

    Attributes:
        trim_number: how many of the highest, and of the lowest, values of each coordinate are
            left out.
    """

    trim_number: NonNegativeInt = 1


class ConstantParameters(Parameters):
    """Parameters of constant weights.

    Attributes:
        weights: by task; 1 where not named.
    """

    weights: dict[str, float] = Field(default={})
