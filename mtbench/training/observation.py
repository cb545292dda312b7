"""Observation: what an update did to its step's losses, and what a combiner remembers of a run."""

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import torch

from mtbench.combination import Combiner
from mtbench.gradients.oracle import BrokenCombiner, Forward, NonFiniteLoss, Portion


def losses_after(
    forward: Forward, passes: Iterable[Mapping[str, Portion]], *, step: int
) -> dict[str, float]:
    """Return each task's loss over the examples of a step that was taken, without gradients.

    Args:
        forward: called once a pass.
        passes: the portions that the step's own passes took together, so that what is drawn in
            them is drawn alike.
        step: index of the step, from 0.

    Raises:
        NonFiniteLoss: if a loss is no finite number.
    """
    losses: dict[str, float] = {}
    with torch.no_grad():
        for parts in passes:
            found = forward({task: part.batch for task, part in parts.items()}, None)
            values = torch.stack([found[task] for task in parts]).tolist()
            for (task, part), value in zip(parts.items(), values, strict=True):
                if not isfinite(value):
                    raise NonFiniteLoss(task, step, value)
                losses[task] = losses.get(task, 0.0) + part.share * value
    return losses


def state_of(combiner: Combiner) -> dict[str, Any]:
    """Return what a combiner remembers, under ``"combiner"``; nothing where it has no state.

    Raises:
        BrokenCombiner: if its state is not made of JSON values.
    """
    if not hasattr(combiner, "state_dict"):
        return {}
    state = combiner.state_dict()
    who = f"{type(combiner).__name__}.state_dict"
    try:
        read = json.loads(json.dumps(state, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BrokenCombiner(f"{who} gave what is no JSON: {error}") from error
    if read != state:  # a tuple, or a key that is no text
        raise BrokenCombiner(f"{who} gave {state!r}, which JSON gives back as {read!r}")
    return {"combiner": read}
