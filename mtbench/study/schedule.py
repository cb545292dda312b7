"""The schedule of a run: the balancer's steps, laid out until the budget is spent."""

import random
from collections.abc import Mapping
from typing import Any

from mtbench.errors import PluginError
from mtbench.protocols import Balancer, Step


def schedule(
    balancer: Balancer, sizes: Mapping[str, int], train: Mapping[str, Any], rng: random.Random
) -> list[Step]:
    """Return all steps of a run.

    A balancer that has a method ``begin`` is told the budget first; see ``protocols.Balancer``.

    Args:
        sizes: training examples a task.
        train: the ``train`` section; its budget is ``steps`` or ``epochs``.
        rng: the balancer's own generator.

    Raises:
        PluginError: if the balancer gives no step, an unknown task or a count below 1.
    """
    sizes_of_batches = batch_sizes(train, sizes)
    steps, epochs = train["steps"], train["epochs"]
    begin = getattr(balancer, "begin", None)
    if begin is not None:
        begin(steps=steps, epochs=epochs)
    made: list[Step] = []
    epoch = 0
    while epoch < epochs if epochs is not None else len(made) < steps:
        progress = epoch / epochs if epochs is not None else len(made) / steps
        before = len(made)
        for step in balancer.steps(sizes, sizes_of_batches, progress, rng):
            _check(step, sizes)
            made.append(dict(step))
            if len(made) == steps:
                break
        if len(made) == before:
            raise PluginError("the balancer gave an epoch without a step", part="balancer")
        epoch += 1
    return made


def batch_sizes(train: Mapping[str, Any], tasks: Mapping[str, Any]) -> dict[str, int]:
    """Return the full batch size of each task."""
    size = train["batch_size"]
    return {task: size[task] if isinstance(size, dict) else size for task in tasks}


def evaluation_steps(total: int, evaluations: int) -> set[int]:
    """Return after how many steps dev is evaluated: evenly spaced, the last at the end."""
    evaluations = min(evaluations, total)  # more of them are one after each step
    return {round(total * i / evaluations) for i in range(1, evaluations + 1)}


def _check(step: Step, sizes: Mapping[str, int]) -> None:
    if not step:
        raise PluginError("the balancer gave a step without a task", part="balancer")
    for task, count in step.items():
        if task not in sizes or count < 1:
            raise PluginError(
                f"the balancer gave {count} examples of {task!r} in a step", part="balancer"
            )
