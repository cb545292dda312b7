"""Agreement: gradients of ordinary size get the update that TorchJD itself gives them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchjd import aggregation
from torchjd.linalg import QuadprogProjector

from mtbench.testing import combine

SAME: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "upgrad": (aggregation.UPGrad, {}),
    "dualproj": (
        lambda: aggregation.DualProj(projector=QuadprogProjector(reg_eps=1e-6)),
        {"reg_eps": 1e-6},
    ),
    "aligned-mtl": (lambda: aggregation.AlignedMTL(scale_mode="median"), {"scale_mode": "median"}),
    "mgda": (lambda: aggregation.MGDA(max_iters=7), {"max_iters": 7}),
    "cagrad": (lambda: aggregation.CAGrad(c=0.7), {"c": 0.7}),
    "fairgrad": (lambda: aggregation.FairGrad(alpha=2.0), {"alpha": 2.0}),
    "imtl-g": (aggregation.IMTLG, {}),
    "config": (aggregation.ConFIG, {}),
    "pcd": (lambda: aggregation.PCD(tau=0.5), {"tau": 0.5}),
    "krum": (lambda: aggregation.Krum(1, 2), {"n_byzantine": 1, "n_selected": 2}),
    "trimmed-mean": (lambda: aggregation.TrimmedMean(1), {}),
    "mean": (aggregation.Mean, {}),
    "sum": (aggregation.Sum, {}),
    "constant": (
        lambda: aggregation.Constant(torch.tensor([1.0, 1.0, 3.0, 1.0, 1.0]).double()),
        {"weights": {"2": 3.0}},
    ),
}


@pytest.mark.parametrize("method", SAME)
@pytest.mark.parametrize("conflict", [0.0, 1.0])
def test_torchjd_gives_the_same(method: str, conflict: float) -> None:
    jacobian = torch.randn(5, 8, dtype=torch.float64)
    jacobian -= conflict * jacobian.mean(dim=0) / 2
    make, given = SAME[method]
    expected: Tensor = make()(jacobian)
    found = combine(f"torchjd-{method}", jacobian, **given)
    tolerance = 1e-3 if method == "fairgrad" else 1e-6  # where its solver stops
    assert torch.allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("method", ["pcgrad", "gradvac"])
def test_torchjd_gives_two_tasks_the_same(method: str) -> None:
    jacobian = torch.tensor([[1.0, 2.0, 0.5], [-1.0, -1.0, 1.0]], dtype=torch.float64)
    aggregator = {"pcgrad": aggregation.PCGrad, "gradvac": aggregation.GradVac}[method]()
    assert torch.allclose(combine(f"torchjd-{method}", jacobian), aggregator(jacobian))
