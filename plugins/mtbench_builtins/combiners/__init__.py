"""The combiners that mtbench ships."""

from collections.abc import Iterable

from mtbench.api import CombinerSpec, hookimpl
from mtbench_builtins.combiners.refusals import one_task, one_task_or_frozen

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
        rejects=one_task_or_frozen,
    ),
    CombinerSpec(
        name="gradvac",
        summary="Gradients less alike than usual are turned towards each other.",
        target="mtbench_builtins.combiners.gradvac:GradVac",
        parameters="mtbench_builtins.combiners.parameters:GradVacParameters",
        paper="Wang et al., 2021, Gradient Vaccine, Algorithm 1",
        needs="gramian",
        rejects=one_task_or_frozen,
    ),
    CombinerSpec(
        name="cagrad",
        summary="Near the mean gradient, the best update for the worst-off task.",
        target="mtbench_builtins.combiners.cagrad:CAGrad",
        parameters="mtbench_builtins.combiners.parameters:CAGradParameters",
        paper="Liu et al., 2021, Conflict-Averse Gradient Descent, Algorithm 1",
        needs="gramian",
        promises=frozenset({"permutation-equivariant"}),
        rejects=one_task_or_frozen,
    ),
    CombinerSpec(
        name="mgda",
        summary="The shortest weighted mean of the gradients.",
        target="mtbench_builtins.combiners.mgda:MGDA",
        paper="Sener and Koltun, 2018, Multi-Task Learning as Multi-Objective Optimization",
        needs="gramian",
        promises=frozenset({"permutation-equivariant"}),
        rejects=one_task_or_frozen,
    ),
    CombinerSpec(
        name="imtl-g",
        summary="The update that has the same projection on every gradient.",
        target="mtbench_builtins.combiners.imtl_g:IMTLG",
        paper="Liu et al., 2021, Towards Impartial Multi-task Learning, balance of gradients",
        needs="gramian",
        promises=frozenset({"permutation-equivariant"}),
        rejects=one_task_or_frozen,
    ),
    CombinerSpec(
        name="graddrop",
        summary="Where gradients disagree on a sign, one sign is drawn.",
        target="mtbench_builtins.combiners.graddrop:GradDrop",
        parameters="mtbench_builtins.combiners.parameters:GradDropParameters",
        paper="Chen et al., 2020, Just Pick a Sign, Algorithm 1",
        needs="jacobian",
        promises=frozenset({"permutation-equivariant"}),
        rejects=one_task_or_frozen,
    ),
    CombinerSpec(
        name="uncertainty",
        summary="Losses weigh by learned variances of the tasks.",
        target="mtbench_builtins.combiners.uncertainty:Uncertainty",
        parameters="mtbench_builtins.combiners.parameters:UncertaintyParameters",
        paper="Kendall et al., 2018, Multi-Task Learning Using Uncertainty, equation 7",
        needs="losses",
        promises=frozenset({"permutation-equivariant"}),
    ),
    CombinerSpec(
        name="dwa",
        summary="Losses that fall slowly weigh more.",
        target="mtbench_builtins.combiners.dwa:DWA",
        parameters="mtbench_builtins.combiners.parameters:DWAParameters",
        paper="Liu et al., 2019, End-to-End Multi-Task Learning with Attention, equation 7",
        needs="losses",
        rejects=one_task,
        promises=frozenset({"permutation-equivariant"}),
    ),
    CombinerSpec(
        name="rlw",
        summary="Random weights, drawn anew each step.",
        target="mtbench_builtins.combiners.rlw:RLW",
        paper="Lin et al., 2022, Reasonable Effectiveness of Random Weighting, section 3",
        needs="losses",
        rejects=one_task,
    ),
    CombinerSpec(
        name="famo",
        summary="Weights under which all losses fall at the same rate.",
        target="mtbench_builtins.combiners.famo:FAMO",
        parameters="mtbench_builtins.combiners.parameters:FAMOParameters",
        paper="Liu et al., 2023, FAMO: Fast Adaptive Multitask Optimization, Algorithm 1",
        needs="losses",
        rejects=one_task,
        observes=True,
        promises=frozenset({"permutation-equivariant"}),
    ),
)


@hookimpl
def mtbench_combiners() -> Iterable[CombinerSpec]:
    """Return the built-in combiners."""
    return COMBINERS
