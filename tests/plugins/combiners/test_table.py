"""A table of all combiners on small Jacobians: the update that each one's equation gives."""

from math import sqrt

import pytest
import torch

from mtbench.randomness import derive
from mtbench.testing import combine
from mtbench_builtins.combiners import COMBINERS
from mtbench_builtins.combiners.graddrop import GradDrop
from mtbench_builtins.combiners.parameters import GradDropParameters

CASES = {
    "conflict": [[1.0, 0.0], [-1.0, 1.0]],
    "one": [[3.0, -4.0]],
    "equal": [[1.0, 2.0], [1.0, 2.0]],
    "parallel": [[1.0, 0.0], [2.0, 0.0]],
    "orthogonal": [[1.0, 0.0], [0.0, 2.0]],
    "shorter": [[5.0, 5.0], [1.0, 0.0]],
    "opposite": [[1.0, 2.0], [-1.0, -2.0]],
    "unequal": [[1.0, 0.0], [-2.0, 0.0]],
    "zero": [[1.0, 0.0], [0.0, 0.0]],
    "zeros": [[0.0, 0.0], [0.0, 0.0]],
    "twelve": [[1.0, 2.0], [-1.0, -2.0]] * 6,
}

SURGERY = {
    # pc_1 = g_1 - (-1 / 2) g_2 = (1/2, 1/2), pc_2 = g_2 - (-1 / 1) g_1 = (0, 1).
    "conflict": (1 / 2, 3 / 2),
    "one": (3, -4),
    "equal": (2, 4),
    "parallel": (3, 0),
    "orthogonal": (1, 2),
    "shorter": (6, 5),
    "opposite": (0, 0),
    "unequal": (0, 0),
    "zero": (1, 0),
    "zeros": (0, 0),
    "twelve": (0, 0),
}

TABLE = {
    # Algorithm 1 of Yu et al.: g_i -= <g_i, g_j> / |g_j|^2 g_j in conflicts, summed.
    "pcgrad": SURGERY,
    # Algorithm 1 of Wang et al.: its targets are 0 in the first step, which is PCGrad's.
    "gradvac": SURGERY,
    # Algorithm 1 of Liu et al.: max_d min_k <g_k, d>, |d - g_0| <= 0.4 |g_0|; over 1.4.
    "cagrad": {
        "conflict": (0.2 / 1.4, 0.5 / 1.4),  # g_0 = (0, 1/2): all of 1/5 goes task 1's way
        "one": (3, -4),
        "equal": (1, 2),
        "parallel": (1.5, 0),  # g_0 = 3/2, and 2/5 of it more
        "orthogonal": ((0.5 + 0.2 * sqrt(5)) / 1.4, 1 / 1.4),  # radius 0.4 sqrt(5) / 2
        "shorter": ((3 + 0.4 * sqrt(15.25)) / 1.4, 2.5 / 1.4),  # g_0 = (3, 5/2), task 2's way
        "opposite": (0, 0),
        "unequal": ((-0.5 + 0.2) / 1.4, 0),
        "zero": (0.5 / 1.4, 0),  # one has nothing to gain, and the mean stays
        "zeros": (0, 0),
        "twelve": (0, 0),
    },
    # Equation 3 of Sener and Koltun: of two, w_1 = <g_2 - g_1, g_2> / |g_1 - g_2|^2 in [0, 1].
    "mgda": {
        "conflict": (1 / 5, 2 / 5),  # w_1 = 3 / 5
        "one": (3, -4),
        "equal": (1, 2),
        "parallel": (1, 0),
        "orthogonal": (4 / 5, 2 / 5),  # w_1 = 4 / 5
        "shorter": (1, 0),
        "opposite": (0, 0),
        "unequal": (0, 0),
        "zero": (0, 0),
        "zeros": (0, 0),
        "twelve": (0, 0),
    },
    # Liu et al.: <d, u_1> = <d, u_2>, of d = w g_1 + (1 - w) g_2.
    "imtl-g": {
        "conflict": (3 - 2 * sqrt(2), sqrt(2) - 1),  # w = 2 - sqrt 2
        "one": (3, -4),
        "equal": (1, 2),
        "parallel": (4 / 3, 0),
        "orthogonal": (2 / 3, 2 / 3),
        # Of two, weights are as the inverse lengths, here of 5 sqrt 2 and 1.
        "shorter": ((5 + 5 * sqrt(2)) / (1 + 5 * sqrt(2)), 5 / (1 + 5 * sqrt(2))),
        "opposite": (0, 0),
        "unequal": (0, 0),
        "zero": (1, 0),  # a task without a gradient weighs nothing
        "zeros": (0, 0),
        "twelve": (0, 0),
    },
}
"""The updates by combiner and case; those of the losses' combiners follow from their weights."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TABLE)
def test_the_update_is_that_of_the_equation(name, case):
    assert combine(name, CASES[case]).tolist() == pytest.approx(TABLE[name][case], abs=1e-8)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["sum", "uncertainty", "dwa", "famo", "rlw"])
def test_the_update_is_that_of_the_weights_of_the_losses(name, case):
    """At losses of 1 all first weights are 1, but for those that are drawn."""
    rows = torch.tensor(CASES[case], dtype=torch.float64)
    weights = torch.ones(len(rows), dtype=torch.float64)
    if name == "rlw":  # section 3 of Lin et al.: a softmax of normal numbers
        generator = torch.Generator().manual_seed(derive(5, "combiner"))
        drawn = torch.randn(len(rows), generator=generator, dtype=torch.float64).exp()
        weights = len(rows) * drawn / drawn.sum()
    assert combine(name, rows, seed=5).tolist() == pytest.approx((weights @ rows).tolist())


@pytest.mark.parametrize("case", CASES)
def test_graddrop_sums_what_has_one_sign(given, case):
    """Algorithm 1 of Chen et al.: of each number all that is above 0, or all below."""
    rows = torch.tensor(CASES[case], dtype=torch.float64)
    signs = rows.clamp(min=0).sum(dim=0), rows.clamp(max=0).sum(dim=0)
    possible = [{x or y, y or x} for x, y in zip(*(s.tolist() for s in signs), strict=True)]
    combiner, step = GradDrop(GradDropParameters()), given(jacobian=rows)
    found = [combiner.combine(step).tolist() for _ in range(60)]
    assert [set(column) for column in zip(*found, strict=True)] == possible


def test_every_combiner_is_in_the_table():
    of_losses = {spec.name for spec in COMBINERS if spec.needs == "losses"}
    assert {*TABLE, *of_losses, "graddrop"} == {spec.name for spec in COMBINERS}
    assert of_losses == {"sum", "uncertainty", "dwa", "famo", "rlw"}
