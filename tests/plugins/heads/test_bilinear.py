from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.bilinear import Bilinear


def test_values_by_hand(tasks: Mapping[str, TaskInfo]) -> None:
    """Of u = (1, 2), v = (3, 4): (1 * 3 + 2 * 1 * 4 + 3 * 2 * 3 + 4 * 2 * 4) / 2 + 0.5."""
    head = Bilinear(2, tasks["pair-score"], HeadParameters(dropout=0.0))
    with torch.no_grad():
        head.form.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        head.bias.fill_(0.5)
    u, v = torch.tensor([[1.0, 2.0], [1.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert head(u, v).tolist() == [31.0, 1.5]


def test_it_is_torchs_bilinear_form_over_the_width(tasks: Mapping[str, TaskInfo]) -> None:
    info = replace(tasks["pair-classes"], loss="cross-entropy", classes=3)
    head = Bilinear(5, info, HeadParameters())
    u, v = torch.randn(2, 7, 5)
    weight = head.form.weight.unflatten(0, (3, 5))
    torch.testing.assert_close(head(u, v), F.bilinear(u, v, weight / 5))


@pytest.mark.parametrize("width", [16, 128, 768])
def test_first_outputs_have_one_spread_at_every_width(
    tasks: Mapping[str, TaskInfo], width: int
) -> None:
    head = Bilinear(width, tasks["pair-score"], HeadParameters())
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 2000, width, generator=generator)
    assert head(u, v).std().item() == pytest.approx(3**-0.5, rel=0.15)


@pytest.mark.parametrize("width", [16, 768])
def test_a_step_of_adam_moves_it_no_further_than_a_projection(
    tasks: Mapping[str, TaskInfo], width: int
) -> None:
    def moved(module: torch.nn.Module, *given: torch.Tensor) -> float:
        optimizer = torch.optim.Adam([p for p in module.parameters() if p.ndim > 1], lr=1e-3)
        before = module(*given).sum()
        before.backward()
        optimizer.step()
        return float((module(*given).sum() - before).abs().item())

    u, v = torch.ones(2, 1, width)

    by_form = moved(Bilinear(width, tasks["pair-score"], HeadParameters()), u, v)

    assert by_form == pytest.approx(1e-3 * width, rel=1e-2)
    assert moved(torch.nn.Linear(width, 1), u) == pytest.approx(by_form, rel=1e-2)


def test_the_order_of_a_pair_counts(tasks: Mapping[str, TaskInfo]) -> None:
    head = Bilinear(4, tasks["pair-score"], HeadParameters())
    u, v = torch.randn(2, 6, 4)
    assert not torch.allclose(head(u, v), head(v, u))


def test_it_computes_in_half_precision(tasks: Mapping[str, TaskInfo]) -> None:
    head = Bilinear(16, tasks["pair-score"], HeadParameters())
    u, v = torch.randn(2, 6, 16)
    with torch.autocast("cpu", torch.bfloat16):
        half = head(u.bfloat16(), v.bfloat16())
    half.float().sum().backward()
    torch.testing.assert_close(half.float(), head(u, v), rtol=0.05, atol=0.05)
    assert head.form.weight.grad is not None
