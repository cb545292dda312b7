"""The balancers that mtbench ships."""

from collections.abc import Iterable

from mtbench.api import BalancerSpec, hookimpl
from mtbench_builtins.balancers.single import rejects

BALANCERS = (
    BalancerSpec(
        name="single",
        summary="Trains one task only; the others' heads stay untrained.",
        target="mtbench_builtins.balancers.single:Single",
        parameters="mtbench_builtins.balancers.parameters:SingleParameters",
        rejects=rejects,
        example={"task": "sst"},
    ),
    BalancerSpec(
        name="round-robin",
        summary="A batch of every task a step; a task stops when its data runs out.",
        target="mtbench_builtins.balancers.round_robin:RoundRobin",
        promises=frozenset({"covers", "exact"}),
    ),
    BalancerSpec(
        name="cycle",
        summary="A batch of every task a step; shorter tasks repeat until the longest is done.",
        target="mtbench_builtins.balancers.cycle:Cycle",
        promises=frozenset({"covers"}),
    ),
)


@hookimpl
def mtbench_balancers() -> Iterable[BalancerSpec]:
    """Return the built-in balancers."""
    return BALANCERS
