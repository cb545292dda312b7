"""The learning rate along a run: a linear warm-up, then constant or a linear decay to zero."""

from typing import Literal

Decay = Literal["none", "linear"]


def share(step: int, steps: int, *, warmup: float, decay: Decay) -> float:
    """Return the share of the peak learning rate that a step takes.

    It rises in equal parts to 1 at the last step of the warm-up, and falls in equal parts from
    1 at the first step after it, towards 0 where the run ends (Devlin et al. 2019, appendix
    A.2, has both).

    Args:
        step: counted from 0.
        steps: of the whole run.
        warmup: share of the steps, in [0, 1).
        decay: what comes after the warm-up.

    Returns:
        A number in (0, 1].
    """
    warm = round(warmup * steps)
    if step < warm:
        return (step + 1) / warm
    return (steps - step) / (steps - warm) if decay == "linear" else 1.0
