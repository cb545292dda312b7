"""A training loop that can be interrupted anywhere and ends with the same weights."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from mtbench.api import derive
from mtbench.matrix.learning_rate import share
from tools.pretrain.settings import Training

WARM_UP = 0.05
CLIP_NORM = 1.0
LOG_EVERY = 100


def fit(
    model: nn.Module,
    loss: Callable[[int], Tensor],
    settings: Training,
    *,
    seed: int,
    save: Path,
    log: Callable[[str], None],
) -> None:
    """Train a model in place, with AdamW, a linear warm-up and a linear way down to zero.

    Args:
        model: what to train.
        loss: the loss of a step, whose batch must be a function of the step's number alone.
        settings: steps, learning rate, and how often to save.
        seed: of torch's generator, set anew for each step.
        save: file with the state of a training under way, and at the end of the whole; for
            the caller to remove when what came of it is safe.
        log: takes lines about the progress.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=0.01, fused=True)
    first = 0
    if save.exists():
        saved = torch.load(save, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["steps"]
        log(f"goes on after step {first:,}")
    model.train()
    since, total = first, 0.0
    for step in range(first, settings.steps):
        rate = settings.lr * share(step, settings.steps, warmup=WARM_UP, decay="linear")
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(derive(seed, step))
        optimizer.zero_grad()
        value = loss(step)
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        optimizer.step()
        total += value.item()
        done = step + 1
        if done % LOG_EVERY == 0:
            log(f"step {done:,} of {settings.steps:,}: loss {total / (done - since):.4f}")
            since, total = done, 0.0
        if done % settings.save_every == 0 or done == settings.steps:
            part = save.with_suffix(".part")
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state | {"steps": done}, part)
            part.replace(save)
    model.eval()
