"""Every extension point of mtbench, on one page.

Hooks run once, at start-up, take no arguments and return specs; nothing crosses them while a
model trains. A plugin is a module with functions of these names, marked ``@hookimpl``, behind an
entry point of the group ``mtbench`` (or a file, given with ``--plugin``).
"""

from collections.abc import Iterable

import pluggy

from mtbench.specs import BalancerSpec, CombinerSpec, EncoderSpec, HeadSpec, TaskSpec

NAMESPACE = "mtbench"
"""Name of the plugin project, and of the entry-point group."""

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def mtbench_tasks() -> Iterable[TaskSpec]:  # type: ignore[empty-body]
    """Return tasks: data sets with a target, a loss and metrics."""


@hookspec
def mtbench_encoders() -> Iterable[EncoderSpec]:  # type: ignore[empty-body]
    """Return encoders: shared networks from text to vectors."""


@hookspec
def mtbench_heads() -> Iterable[HeadSpec]:  # type: ignore[empty-body]
    """Return heads: from sentence embeddings to a task's prediction."""


@hookspec
def mtbench_balancers() -> Iterable[BalancerSpec]:  # type: ignore[empty-body]
    """Return balancers: schedules of which task gives a batch at which step."""


@hookspec
def mtbench_combiners() -> Iterable[CombinerSpec]:  # type: ignore[empty-body]
    """Return combiners: from the tasks' losses or gradients to one shared update."""
