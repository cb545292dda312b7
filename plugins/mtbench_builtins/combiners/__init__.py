"""The combiners that mtbench ships."""

from collections.abc import Iterable

from mtbench.api import CombinerSpec, hookimpl
from mtbench_builtins.combiners.refusals import frozen_encoder

COMBINERS = (
    CombinerSpec(
        name="sum",
        summary="Sum of the losses: every task weighs 1.",
        target="mtbench_builtins.combiners.summed:Sum",
        needs="losses",
        promises=frozenset({"permutation-equivariant"}),
        expected_failures={"differs-from-sum": "it is the sum"},
    ),
    CombinerSpec(
        name="pcgrad",
        summary="Gradient surgery: conflicting gradients are projected off each other.",
        target="mtbench_builtins.combiners.pcgrad:PCGrad",
        paper="Yu et al., 2020, Gradient Surgery for Multi-Task Learning, Algorithm 1",
        needs="gramian",
        rejects=frozen_encoder,
    ),
)


@hookimpl
def mtbench_combiners() -> Iterable[CombinerSpec]:
    """Return the built-in combiners."""
    return COMBINERS
