from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tools.pretrain import training
from tools.pretrain.settings import Training
from tools.pretrain.training import fit

STEPS = 20


class Interrupted(Exception):
    pass


def toy() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Dropout(0.2))


def settings(**changes: float) -> Training:
    return Training.model_validate(
        {"steps": STEPS, "batch_size": 2, "lr": 0.01, "save_every": 7} | changes
    )


def squared(model: nn.Module, last: float = float("inf")) -> Callable[[int], Tensor]:
    """Return a loss with noise and dropout in it, which is interrupted after a step."""

    def loss(step: int) -> Tensor:
        if step > last:
            raise Interrupted
        x = torch.full((5, 3), step / STEPS) + torch.randn(5, 3)
        output: Tensor = model(x)
        return (output - 1).square().mean()

    return loss


def trained(save: Path, *interruptions: int, seed: int = 3) -> dict[str, Tensor]:
    """Return a model's weights after a training that was interrupted at some steps."""
    for last in interruptions:
        model = toy()
        with pytest.raises(Interrupted):
            fit(model, squared(model, last), settings(), seed=seed, save=save, log=lambda _: None)
    model = toy()
    fit(model, squared(model), settings(), seed=seed, save=save, log=lambda _: None)
    return model.state_dict()


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize("interruptions", [(2,), (7,), (13,), (9, 15), (18,)], ids=str)
def test_an_interrupted_training_ends_with_the_same_weights(
    tmp_path: Path, interruptions: tuple[int, ...]
) -> None:
    straight = trained(tmp_path / "straight.pt")
    assert_equal(trained(tmp_path / "resumed.pt", *interruptions), straight)


def test_it_goes_on_after_the_last_save(tmp_path: Path) -> None:
    save = tmp_path / "save.pt"
    model, lines = toy(), list[str]()
    with pytest.raises(Interrupted):
        fit(model, squared(model, 16), settings(), seed=0, save=save, log=lines.append)
    assert lines == []
    seen: list[int] = []

    def loss(step: int) -> Tensor:
        seen.append(step)
        return squared(model)(step)

    fit(model, loss, settings(), seed=0, save=save, log=lines.append)
    assert seen == list(range(14, STEPS))
    assert lines == ["goes on after step 14"]


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    save = tmp_path / "save.pt"
    finished = trained(save, 15)
    assert [file.name for file in tmp_path.iterdir()] == ["save.pt"]
    model = toy()
    fit(model, squared(model, -1), settings(), seed=3, save=save, log=lambda _: None)
    assert_equal(model.state_dict(), finished)


def test_a_half_written_save_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "save.part").write_bytes(b"what an interruption leaves")
    assert_equal(trained(tmp_path / "save.pt"), trained(tmp_path / "other.pt"))


def test_chance_comes_from_the_seed_alone(tmp_path: Path) -> None:
    first = trained(tmp_path / "1.pt", seed=3)
    torch.manual_seed(99)
    assert_equal(trained(tmp_path / "2.pt", seed=3), first)
    assert not torch.equal(trained(tmp_path / "3.pt", seed=4)["0.weight"], first["0.weight"])


def test_the_learning_rate_goes_up_and_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []

    class Watched(torch.optim.AdamW):
        def step(self, closure: None = None) -> None:  # type: ignore[override]
            rates.append(self.param_groups[0]["lr"])
            super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    model = toy()
    given = settings(steps=40, lr=0.4)
    fit(model, squared(model), given, seed=0, save=tmp_path / "s.pt", log=lambda _: None)
    # Two steps up (5 % of them), then down to zero, which no step has.
    down = [0.4 * (40 - step) / 38 for step in range(2, 40)]
    assert rates == pytest.approx([0.2, 0.4, *down])


def test_without_steps_nothing_changes(tmp_path: Path) -> None:
    model = toy()
    fit(model, squared(model), settings(steps=0), seed=0, save=tmp_path / "s.pt", log=print)
    assert_equal(model.state_dict(), toy().state_dict())
    assert not model.training


def test_a_long_gradient_is_clipped(tmp_path: Path) -> None:
    norms: list[float] = []
    model = nn.Linear(2, 1)

    def loss(step: int) -> Tensor:
        output: Tensor = model(torch.ones(1, 2)) * 1e4
        return output.sum()

    original = torch.nn.utils.clip_grad_norm_

    def watched(parameters: list[Tensor], bound: float) -> Tensor:
        before = original(parameters, bound)
        gradients = [p.grad for p in parameters if p.grad is not None]
        norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())
        return before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.utils, "clip_grad_norm_", watched)
        fit(model, loss, settings(steps=3), seed=0, save=tmp_path / "s.pt", log=print)
    assert norms == pytest.approx([training.CLIP_NORM] * 3, rel=1e-4)


def test_what_is_frozen_stays(tmp_path: Path) -> None:
    model = toy()
    frozen = model[0].requires_grad_(False)  # type: ignore[index]
    fit(model, squared(model), settings(), seed=0, save=tmp_path / "s.pt", log=print)
    assert torch.equal(frozen.weight, toy()[0].weight)  # type: ignore[index]


def test_the_mean_loss_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", 2)
    model, lines, numbers = nn.Linear(1, 1), list[str](), count(1)

    def loss(step: int) -> Tensor:
        return 0 * model(torch.ones(1)).sum() + next(numbers)

    fit(model, loss, settings(steps=5), seed=0, save=tmp_path / "s.pt", log=lines.append)
    assert lines == ["step 2 of 5: loss 1.5000", "step 4 of 5: loss 3.5000"]


def test_the_mean_loss_after_a_resumption_is_of_the_steps_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", 10)
    model, lines, save = nn.Linear(1, 1), list[str](), tmp_path / "s.pt"

    def loss(step: int) -> Tensor:
        if step == 8 and not save.with_suffix(".seen").exists():
            save.with_suffix(".seen").touch()
            raise Interrupted
        return 0 * model(torch.ones(1)).sum() + step

    with pytest.raises(Interrupted):
        fit(model, loss, settings(), seed=0, save=save, log=lines.append)
    fit(model, loss, settings(), seed=0, save=save, log=lines.append)
    # Saved after step 7; steps 8 to 10 have the losses 7, 8 and 9.
    assert lines[:2] == ["goes on after step 7", "step 10 of 20: loss 8.0000"]
