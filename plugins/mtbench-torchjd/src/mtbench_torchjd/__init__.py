"""TorchJD's aggregators as combiners of mtbench."""

from collections.abc import Iterable

from mtbench.api import CombinerSpec, hookimpl
from mtbench_torchjd.refusals import refuse, refuse_few_tasks, refuse_one_task

EQUIVARIANT = frozenset({"permutation-equivariant"})

COMBINERS = (
    CombinerSpec(
        name="torchjd-upgrad",
        summary="Each gradient is projected on the dual cone of all, then the mean is taken.",
        target="mtbench_torchjd.weightings:UPGrad",
        parameters="mtbench_torchjd.parameters:UPGradParameters",
        paper="Quinton & Rey, 2024, Jacobian Descent for Multi-Objective Optimization, Eq. 3",
        example={"preference": {"sst": 2.0}},
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-dualproj",
        summary="The mean gradient is projected on the dual cone of all gradients.",
        target="mtbench_torchjd.weightings:DualProj",
        parameters="mtbench_torchjd.parameters:DualProjParameters",
        paper="Lopez-Paz & Ranzato, 2017, Gradient Episodic Memory, Eq. 11",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-nash-mtl",
        summary="Nash bargaining: weights are the inverse of what the update gives each task.",
        target="mtbench_torchjd.stateful:NashMTL",
        parameters="mtbench_torchjd.parameters:NashMTLParameters",
        paper="Navon et al., 2022, Multi-Task Learning as a Bargaining Game, Algorithm 1",
        expected_failures={
            "scale": "by its equation the update keeps its length, which is clipped"
        },
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse,
    ),
    CombinerSpec(
        name="torchjd-fairgrad",
        summary="Alpha-fair weights: a power of what the update gives each task.",
        target="mtbench_torchjd.weightings:FairGrad",
        parameters="mtbench_torchjd.parameters:FairGradParameters",
        paper="Ban & Ji, 2024, Fair Resource Allocation in Multi-Task Learning, Eq. 4",
        expected_failures={"scale": "by its equation the update grows with another power"},
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse,
    ),
    CombinerSpec(
        name="torchjd-aligned-mtl",
        summary="The principal components of the gradients are brought to one length.",
        target="mtbench_torchjd.weightings:AlignedMTL",
        parameters="mtbench_torchjd.parameters:AlignedMTLParameters",
        paper="Senushkin et al., 2023, Independent Component Alignment for Multi-Task Learning, "
        "Algorithm 1",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-mgda",
        summary="The shortest convex combination of the gradients, by Frank-Wolfe.",
        target="mtbench_torchjd.weightings:MGDA",
        parameters="mtbench_torchjd.parameters:MGDAParameters",
        paper="Sener & Koltun, 2018, Multi-Task Learning as Multi-Objective Optimization, "
        "Algorithm 2",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-cagrad",
        summary="The best update for the worst-off task within a ball around the mean gradient.",
        target="mtbench_torchjd.weightings:CAGrad",
        parameters="mtbench_torchjd.parameters:CAGradParameters",
        paper="Liu et al., 2021, Conflict-Averse Gradient Descent for Multi-Task Learning, "
        "Algorithm 1",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse,
    ),
    CombinerSpec(
        name="torchjd-imtl-g",
        summary="The update has the same projection on every task's unit gradient.",
        target="mtbench_torchjd.weightings:IMTLG",
        paper="Liu et al., 2021, Towards Impartial Multi-Task Learning; as generalised by "
        "Quinton & Rey, 2024",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-pcgrad",
        summary="Conflicting gradients are projected off each other, in random order.",
        target="mtbench_torchjd.weightings:PCGrad",
        paper="Yu et al., 2020, Gradient Surgery for Multi-Task Learning, Algorithm 1",
        needs="gramian",
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-gradvac",
        summary="Gradients are turned towards the cosines of earlier steps, in random order.",
        target="mtbench_torchjd.stateful:GradVac",
        parameters="mtbench_torchjd.parameters:GradVacParameters",
        paper="Wang et al., 2021, Gradient Vaccine, Algorithm 1",
        needs="gramian",
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-config",
        summary="The update has the same cosine with every task's gradient.",
        target="mtbench_torchjd.weightings:ConFIG",
        parameters="mtbench_torchjd.parameters:ConFIGParameters",
        paper="Liu et al., 2024, ConFIG: Towards Conflict-free Training of Physics Informed "
        "Neural Networks, Eq. 2",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-pcd",
        summary="One task leads; every other one is guaranteed a share of its own progress.",
        target="mtbench_torchjd.stateful:PCD",
        parameters="mtbench_torchjd.parameters:PCDParameters",
        paper="Not All Objectives Are Born Equal: Priority-Constrained Descent for Hierarchical "
        "Multi-Objective Optimization, 2026, arXiv:2606.29521",
        needs="gramian",
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-cr-mogm",
        summary="A moving average over the steps of another method's weights.",
        target="mtbench_torchjd.stateful:CRMOGM",
        parameters="mtbench_torchjd.parameters:CRMOGMParameters",
        paper="Zhou et al., 2022, On the Convergence of Stochastic Multi-Objective Gradient "
        "Manipulation and Beyond",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-graddrop",
        summary="Of each coordinate one sign is kept, drawn by how much the tasks agree.",
        target="mtbench_torchjd.jacobians:GradDrop",
        parameters="mtbench_torchjd.parameters:GradDropParameters",
        paper="Chen et al., 2020, Just Pick a Sign, Algorithm 1, lines 10 to 15",
        example={"leak": {"sst": 0.5}},
        needs="jacobian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-krum",
        summary="The gradient, or gradients, nearest to their neighbours.",
        target="mtbench_torchjd.weightings:Krum",
        parameters="mtbench_torchjd.parameters:KrumParameters",
        paper="Blanchard et al., 2017, Machine Learning with Adversaries: Byzantine Tolerant "
        "Gradient Descent",
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_few_tasks,
    ),
    CombinerSpec(
        name="torchjd-trimmed-mean",
        summary="Of each coordinate, the mean of the tasks' values without the extremes.",
        target="mtbench_torchjd.jacobians:TrimmedMean",
        parameters="mtbench_torchjd.parameters:TrimmedMeanParameters",
        paper="Yin et al., 2018, Byzantine-Robust Distributed Learning, Definition 2",
        needs="jacobian",
        promises=EQUIVARIANT,
        rejects=refuse_few_tasks,
    ),
    CombinerSpec(
        name="torchjd-random",
        summary="A convex combination of the gradients with weights drawn anew at each step.",
        target="mtbench_torchjd.weightings:Random",
        paper="Lin et al., 2022, Reasonable Effectiveness of Random Weighting, Algorithm 2",
        needs="gramian",
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-constant",
        summary="A combination of the gradients with weights that are given by task.",
        target="mtbench_torchjd.weightings:Constant",
        parameters="mtbench_torchjd.parameters:ConstantParameters",
        example={"weights": {"sst": 2.0}},
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse,
    ),
    CombinerSpec(
        name="torchjd-mean",
        summary="Mean of the gradients.",
        target="mtbench_torchjd.weightings:Mean",
        expected_failures={"differs-from-sum": "it is the sum, divided by the number of tasks"},
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse_one_task,
    ),
    CombinerSpec(
        name="torchjd-sum",
        summary="Sum of the gradients; each head keeps its own.",
        target="mtbench_torchjd.weightings:Sum",
        expected_failures={"differs-from-sum": "it is the sum"},
        needs="gramian",
        promises=EQUIVARIANT,
        rejects=refuse,
    ),
)


@hookimpl
def mtbench_combiners() -> Iterable[CombinerSpec]:
    """Return TorchJD's aggregators."""
    return COMBINERS
