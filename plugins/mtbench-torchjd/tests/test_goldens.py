"""Values worked by hand, and what every combiner owes beyond the conformance kit."""

from math import cos, pi, sin, sqrt

import pytest
import torch

from mtbench.testing import combine

CONFLICT = [[1.0, 0.0], [-1.0, 1.0]]  # g1, g2

DEGREES = {"torchjd-nash-mtl": 0.0, "torchjd-fairgrad": 0.0}
"""How updates grow with the gradients, where not in proportion: by the methods' equations."""

MEANS = {
    "torchjd-upgrad",
    "torchjd-dualproj",
    "torchjd-aligned-mtl",
    "torchjd-mgda",
    "torchjd-imtl-g",
    "torchjd-pcd",
    "torchjd-cr-mogm",
    "torchjd-krum",
    "torchjd-trimmed-mean",
    "torchjd-random",
    "torchjd-mean",
}

PAIR = {
    "torchjd-upgrad": (1 / 4, 3 / 4),
    "torchjd-dualproj": (0, 1 / 2),  # the mean conflicts with neither
    "torchjd-mgda": (1 / 5, 2 / 5),
    "torchjd-imtl-g": (3 - 2 * sqrt(2), sqrt(2) - 1),
    "torchjd-pcgrad": (1 / 2, 3 / 2),
    "torchjd-gradvac": (1 / 2, 3 / 2),  # its first call is PCGrad
    # g0 = (0, 1/2). The detour of 0.4 |g0| = 1/5 goes along g_w, whose least is at (1, 0).
    "torchjd-cagrad": (1 / 5, 1 / 2),
    # The unit gradients' pseudo-inverse on (1, 1) has the direction (1, 1 + sqrt 2), of length
    # sqrt(4 + 2 sqrt 2); along it both gradients together are (1 + sqrt 2) over that.
    "torchjd-config": ((1 + sqrt(2)) / (4 + 2 * sqrt(2)), (1 + sqrt(2)) ** 2 / (4 + 2 * sqrt(2))),
    # Weights (2, sqrt 2) cos(pi / 8): G w = (1 - 1/sqrt 2) w, and that times w is (1, 1).
    "torchjd-fairgrad": (sqrt(2) * sin(pi / 8), sqrt(2) * cos(pi / 8)),
    "torchjd-nash-mtl": (sin(pi / 8), cos(pi / 8)),  # the same, clipped
    # J = U S V^T becomes U V^T times the smaller singular value, (sqrt 5 - 1) / 2. U V^T is
    # (2, 1; -1, 2) / sqrt 5, as J times its transpose is symmetric; the rows are averaged.
    "torchjd-aligned-mtl": ((sqrt(5) - 1) / sqrt(5) / 4, 3 * (sqrt(5) - 1) / sqrt(5) / 4),
    "torchjd-constant": (0, 1),
    "torchjd-sum": (0, 1),
    "torchjd-mean": (0, 1 / 2),
    "torchjd-krum": (0, 1 / 2),  # two tasks are averaged
    "torchjd-trimmed-mean": (0, 1 / 2),
    "torchjd-cr-mogm": (1 / 5, 2 / 5),  # the first step's weights are MGDA's
}


@pytest.mark.parametrize("named", PAIR)
def test_the_pair_in_conflict(named: str) -> None:
    tolerance = 2e-4 if named == "torchjd-upgrad" else 1e-6  # it adds 1e-4 to the Gramian
    expected = torch.tensor(PAIR[named], dtype=torch.float64)
    assert torch.allclose(combine(named, CONFLICT), expected, rtol=0, atol=tolerance)


def test_upgrad_is_the_golden_value_where_little_is_added_to_the_gramian() -> None:
    update = combine("torchjd-upgrad", CONFLICT, reg_eps=1e-6)
    assert update.tolist() == pytest.approx([1 / 4, 3 / 4], abs=1e-5)


def test_nash_mtl_gives_each_task_the_inverse_of_its_weight() -> None:
    # G = diag(4, 1): w = (1/2, 1), and the update has the norm sqrt 2 before it is clipped.
    jacobian = [[2.0, 0.0], [0.0, 1.0]]
    free = combine("torchjd-nash-mtl", jacobian, max_norm=0.0)
    assert free.tolist() == pytest.approx([1, 1], abs=1e-5)
    clipped = combine("torchjd-nash-mtl", jacobian)
    assert clipped.tolist() == pytest.approx([1 / sqrt(2)] * 2, abs=1e-5)


def test_nash_mtl_goes_on_with_equal_weights_where_its_solver_fails() -> None:
    # Three unit gradients in balance: whatever the weights, some task loses by it.
    half = sqrt(3) / 2
    balance = [[1.0, 0.0], [-0.5, half], [-0.5, -half]]
    assert combine("torchjd-nash-mtl", balance).tolist() == pytest.approx([0, 0], abs=1e-9)


def test_graddrop_keeps_one_sign_of_each_coordinate() -> None:
    jacobian = torch.tensor([[1.0, 2.0, -1.0, 0.0], [-3.0, 1.0, -2.0, 0.0]])
    updates = {tuple(combine("torchjd-graddrop", jacobian, seed=k).tolist()) for k in range(40)}
    # The first coordinate is 1 with the probability 1/4, so that one of the two is missing from
    # 40 draws in one of 10^5 cases.
    assert updates == {(1.0, 3.0, -3.0, 0.0), (-3.0, 3.0, -3.0, 0.0)}


def test_what_leaks_is_never_dropped() -> None:
    leak = {"0": 1.0, "1": 1.0}
    assert combine("torchjd-graddrop", CONFLICT, leak=leak).tolist() == [0, 1]


def test_the_trimmed_mean_leaves_out_the_extremes() -> None:
    jacobian = [[1.0, 9.0], [2.0, -9.0], [3.0, 0.0], [-50.0, 3.0], [4.0, 6.0]]
    assert combine("torchjd-trimmed-mean", jacobian).tolist() == [2, 3]
    assert combine("torchjd-trimmed-mean", jacobian, trim_number=2).tolist() == [2, 3]
    assert combine("torchjd-trimmed-mean", jacobian, trim_number=9).tolist() == [2, 3]


def test_krum_picks_the_gradient_nearest_to_its_neighbour() -> None:
    jacobian = [[1.0, 0.0], [1.0, 0.25], [-9.0, 9.0], [3.0, 0.0]]
    # With one out of line, a gradient is judged by its nearest neighbour.
    both = combine("torchjd-krum", jacobian, n_byzantine=1, n_selected=2)
    assert both.tolist() == pytest.approx([1, 0.125])


def test_pcd_follows_its_primary_task() -> None:
    # No task is short of 2 % of its own progress along (1, 1): the primary's direction stands,
    # with its norm.
    jacobian = [[3.0, 0.0], [4.0, 4.0]]
    assert combine("torchjd-pcd", jacobian).tolist() == pytest.approx([3, 0])
    assert combine("torchjd-pcd", jacobian, primary="1").tolist() == pytest.approx([4, 4])
    # Task 0 is promised all of its progress: of all directions (1, 1) is the nearest to do so.
    promised = combine("torchjd-pcd", [[1.0, 0.0], [0.0, 1.0]], tau={"1": 1.0})
    assert promised.tolist() == pytest.approx([1 / sqrt(2)] * 2, abs=1e-6)


def test_a_preference_is_relative() -> None:
    orthogonal = [[1.0, 0.0], [0.0, 1.0]]
    for name in ("torchjd-upgrad", "torchjd-dualproj", "torchjd-aligned-mtl"):
        given = combine(name, orthogonal, preference={"1": 3.0})
        assert given.tolist() == pytest.approx([1 / 4, 3 / 4], abs=1e-3)
        equal = combine(name, CONFLICT, preference={"0": 2.0, "1": 2.0, "absent": 7.0})
        assert torch.allclose(equal, combine(name, CONFLICT))
        assert combine(name, [[1.0, 1.0]], preference={"0": 0.0}).tolist() == [0, 0]
    # ConFIG's cosines with the two are as 1 to 3; along it both together are (1, 3) 4 / 10.
    config = combine("torchjd-config", orthogonal, preference={"1": 3.0})
    assert config.tolist() == pytest.approx([0.4, 1.2])


def test_constant_weights_go_by_name() -> None:
    update = combine("torchjd-constant", CONFLICT, weights={"0": 2.0, "absent": 9.0})
    assert update.tolist() == [1, 1]


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3])
def test_scale(name: str, factor: float) -> None:
    jacobian = torch.randn(3, 5, dtype=torch.float64)
    expected = combine(name, jacobian) * factor ** DEGREES.get(name, 1.0)
    assert torch.allclose(combine(name, factor * jacobian), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_the_scale_of_fairgrad_goes_by_its_equation(alpha: float) -> None:
    jacobian = torch.randn(3, 5, dtype=torch.float64)
    expected = combine("torchjd-fairgrad", jacobian, alpha=alpha)
    expected *= 1e-3 ** ((1 - alpha) / (1 + alpha))
    found = combine("torchjd-fairgrad", 1e-3 * jacobian, alpha=alpha)
    assert torch.allclose(found, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("drawing", ["pcgrad", "gradvac", "graddrop", "random"])
def test_what_is_random_comes_from_the_combiner_s_generator(drawing: str) -> None:
    jacobian = [[1.0, 0.5], [-2.0, 1.0], [-2.0, -1.0]]  # every gradient conflicts with another
    updates = {tuple(combine(f"torchjd-{drawing}", jacobian, seed=k).tolist()) for k in range(9)}
    assert len(updates) > 1


def test_one_task_alone_keeps_its_direction(name: str) -> None:
    update = combine(name, [[3.0, 4.0]])
    length = {"torchjd-cagrad": 1.4, "torchjd-nash-mtl": 1 / 5, "torchjd-fairgrad": 1 / 5}
    expected = torch.tensor([3.0, 4.0], dtype=torch.float64) * length.get(name, 1.0)
    assert torch.allclose(update, expected, rtol=1e-6)


def test_the_same_gradient_three_times(name: str) -> None:
    gradient = torch.tensor([3.0, 4.0], dtype=torch.float64)
    update = combine(name, gradient.expand(3, 2))
    # Weights w have 3 |g|^2 w = 1 / w, and 3 w g has the norm sqrt 3; Nash-MTL clips it to 1.
    odd = {"torchjd-cagrad": 1.4, "torchjd-nash-mtl": 1 / 5, "torchjd-fairgrad": sqrt(3) / 5}
    expected = gradient * odd.get(name, 1.0 if name in MEANS else 3.0)
    assert torch.allclose(update, expected, rtol=1e-3)


@pytest.mark.parametrize(
    "jacobian",
    [
        [[1.0, 0.0], [-1.0, 0.0]],
        [[1.0, 2.0], [0.0, 0.0]],
        [[1.0, 0.0], [1.0, 0.0], [-2.0, 0.0]],
        [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
        [[1e-9, 0.0], [0.0, 1e9], [-1.0, 1.0]],
    ],
    ids=["opposite", "zero", "in balance", "alone", "far apart"],
)
def test_an_update_is_finite(name: str, jacobian: list[list[float]]) -> None:
    update = combine(name, jacobian)
    assert update.isfinite().all()
    assert update.norm() <= 10 * torch.tensor(jacobian).norm()
