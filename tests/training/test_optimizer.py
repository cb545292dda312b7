import pytest
import torch
from torch import nn

from mtbench.matrix.configuration import TrainConfig
from mtbench.training.optimizer import Optimizer


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.norm = nn.LayerNorm(3)
        self.table = nn.Embedding(4, 2)
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def optimizer(model: nn.Module, steps: int = 1, **config: float | str) -> Optimizer:
    return Optimizer(model, TrainConfig(steps=steps, **config).model_dump(), steps)


def set_gradients(model: nn.Module, value: float) -> None:
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, value)


def test_a_step_is_adamws_by_hand() -> None:
    model = Model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    set_gradients(model, 0.5)

    optimizer(model, lr=0.1, weight_decay=0.2).step(0)

    # The first step of Adam is lr * sign(gradient), up to its epsilon.
    for name, parameter in model.named_parameters():
        expected = before[name] - 0.1
        if name in ("linear.weight", "table.weight"):
            expected = before[name] * (1 - 0.1 * 0.2) - 0.1
        elif name == "frozen":
            expected = before[name]
        torch.testing.assert_close(parameter.detach(), expected, rtol=0, atol=1e-6)


def test_biases_and_norms_do_not_decay() -> None:
    model = Model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    set_gradients(model, 0.0)

    optimizer(model, lr=0.1, weight_decay=0.5).step(0)

    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {"linear.weight", "table.weight"}


def test_the_learning_rate_rises_and_falls_as_the_configuration_says() -> None:
    model = nn.Linear(1, 1, bias=False)
    subject = optimizer(model, steps=5, lr=0.4, warmup=0.4, decay="linear")
    steps = []
    for index in range(5):
        before = model.weight.item()
        model.weight.grad = torch.ones(1, 1)
        subject.step(index)
        steps.append(before - model.weight.item())
    # Adam divides a gradient that is always the same by itself.
    assert steps == pytest.approx([0.2, 0.4, 0.4, 0.8 / 3, 0.4 / 3], rel=1e-5)


def test_clipping_takes_the_norm_of_all_parameters_together() -> None:
    model = Model()
    set_gradients(model, 3.0)
    optimizer(model, clip_norm=0.5).clip()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert torch.nn.utils.get_total_norm(gradients).item() == pytest.approx(0.5, rel=1e-4)


def test_a_small_gradient_is_not_clipped() -> None:
    model = Model()
    set_gradients(model, 1e-3)
    optimizer(model, clip_norm=0.5).clip()
    assert model.linear.bias.grad is not None
    assert model.linear.bias.grad.tolist() == pytest.approx([1e-3] * 3)


def test_what_has_no_gradient_stays_as_it_was() -> None:
    model = Model()
    set_gradients(model, 1.0)
    model.table.weight.grad = None
    before = model.table.weight.detach().clone()
    optimizer(model, lr=0.1, weight_decay=0.1).step(0)
    assert torch.equal(model.table.weight, before)
