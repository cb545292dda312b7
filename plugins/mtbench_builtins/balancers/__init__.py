"""The balancers that mtbench ships."""

from collections.abc import Iterable

from mtbench.api import BalancerSpec, hookimpl
from mtbench_builtins.balancers.refusals import one_task_a_step, one_task_alone

BALANCERS = (
    BalancerSpec(
        name="single",
        summary="Trains one task only; the others' heads stay untrained.",
        target="mtbench_builtins.balancers.single:Single",
        parameters="mtbench_builtins.balancers.parameters:SingleParameters",
        rejects=one_task_alone,
        example={"task": "sst"},
        expected_failures={"starves-no-task": "it trains one task, and that is its point"},
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
    BalancerSpec(
        name="uniform",
        summary="Each batch of a task drawn with equal chances; a step has group batches.",
        target="mtbench_builtins.balancers.uniform:Uniform",
        parameters="mtbench_builtins.balancers.sampling_parameters:SamplingParameters",
        rejects=one_task_a_step,
    ),
    BalancerSpec(
        name="proportional",
        summary="Each batch of a task drawn by its number of examples.",
        target="mtbench_builtins.balancers.proportional:Proportional",
        parameters="mtbench_builtins.balancers.sampling_parameters:SamplingParameters",
        paper="Sanh et al. 2019, A Hierarchical Multi-task Approach for Learning Embeddings from "
        "Semantic Tasks (proportional sampling)",
        rejects=one_task_a_step,
    ),
    BalancerSpec(
        name="temperature",
        summary="Each batch of a task drawn by its number of examples, capped, to the power 1/T.",
        target="mtbench_builtins.balancers.temperature:Temperature",
        parameters="mtbench_builtins.balancers.sampling_parameters:TemperatureParameters",
        paper="Raffel et al. 2020, Exploring the Limits of Transfer Learning with a Unified "
        "Text-to-Text Transformer, section 3.5.2",
        rejects=one_task_a_step,
    ),
    BalancerSpec(
        name="annealed",
        summary="Each batch of a task drawn by its number of examples, ever less so.",
        target="mtbench_builtins.balancers.annealed:Annealed",
        parameters="mtbench_builtins.balancers.sampling_parameters:AnnealedParameters",
        paper="Stickland and Murray 2019, BERT and PALs (annealed sampling)",
        rejects=one_task_a_step,
    ),
)


@hookimpl
def mtbench_balancers() -> Iterable[BalancerSpec]:
    """Return the built-in balancers."""
    return BALANCERS
