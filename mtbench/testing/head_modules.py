"""Checks of heads: the module behind them, its weights, dropout, precision and device."""

from functools import partial

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from mtbench.testing.checks import Checks, Subject, require
from mtbench.testing.devices import require_one_device
from mtbench.testing.generators import seeded_globally, untouched
from mtbench.testing.head_trials import (
    Trial,
    outputs_of,
    probed,
    require_equal,
    shaken,
    trials,
)

check = Checks("head")


@check("the same seed gives the same first weights")
def same_seed_same_weights(subject: Subject) -> None:
    """Build it twice, with Python's and numpy's generators in different states."""
    for trial in trials(subject):
        states = []
        for elsewhere in (0, 1):
            with seeded_globally(elsewhere):
                states.append(trial.build().state_dict())
        first, second = states
        require(list(first) == list(second), "the same names of weights", f"{list(second)}")
        moved = [name for name, value in first.items() if not torch.equal(value, second[name])]
        require(not moved, "the same first weights of the same seed", f"others in {moved}")


@check("the heads of two tasks have no parameter or buffer in common")
def shares_nothing(subject: Subject) -> None:
    """Build it twice and compare where the tensors lie."""
    for trial in trials(subject):
        first, second = trial.build(), trial.build(seed=1)
        places = {tensor.data_ptr() for tensor in _tensors(first) if tensor.numel()}
        common = [t for t in _tensors(second) if t.numel() and t.data_ptr() in places]
        shapes = ", ".join(str(list(tensor.shape)) for tensor in common)
        require(not common, "tensors of its own for each head", f"common ones: {shapes}")


@check("saved and loaded into another, it gives the same outputs")
def save_and_load(subject: Subject) -> None:
    """Take its weights through safetensors, the format of stored runs."""
    for trial in trials(subject):
        head, batch = shaken(trial.build()).eval(), trial.embeddings()
        state = {name: tensor.contiguous() for name, tensor in head.state_dict().items()}
        other = trial.build(seed=1).eval()
        other.load_state_dict(load(save(state)))
        require_equal(outputs_of(other, batch), outputs_of(head, batch), "the same outputs")


@check("at rate 0 it drops nothing, and nothing at any rate in evaluation mode")
def dropout(subject: Subject) -> None:
    """Compare outputs in training mode at rate 0, and in evaluation mode at rates 0 and 0.5.

    A head without dropout passes: no check can tell it from one that forgot it.
    """
    for trial in trials(subject):
        batch = trial.embeddings()
        plain, dropping = shaken(trial.build()), shaken(trial.build(dropout=0.5))
        first = outputs_of(plain, batch)
        require_equal(outputs_of(plain, batch), first, "no dropout at rate 0")
        kept, dropped = outputs_of(plain.eval(), batch), outputs_of(dropping.eval(), batch)
        require_equal(dropped, kept, "no dropout in evaluation mode")


@check("no global generator moves in evaluation mode, and none but torch's in training")
def leaves_global_generators(subject: Subject) -> None:
    """Compare their states; dropout draws from torch's own."""
    for trial in trials(subject):
        head, batch = trial.build(dropout=0.5), trial.embeddings()
        with torch.random.fork_rng(devices=[]):
            with untouched():
                outputs_of(head.eval(), batch)
            head.train()
            state = torch.get_rng_state()
            with untouched():
                outputs_of(head, batch)
                torch.set_rng_state(state)


@check("in float64 it computes in float64")
def double_precision(subject: Subject) -> None:
    """Move it to float64, and compare with what it gave in float32."""
    for trial in trials(subject):
        head, batch = trial.build().eval(), trial.embeddings()
        single = outputs_of(head, batch)
        double = outputs_of(head.double(), [u.double() for u in batch])
        require(double.dtype == torch.float64, "outputs in float64", double.dtype)
        require_equal(double.float(), single, "the same outputs in float64")


@check("under bfloat16 autocast it trains")
def bfloat16(subject: Subject) -> None:
    """Give it embeddings in float32 and in bfloat16: an encoder under autocast gives either."""
    for trial in trials(subject):
        for dtype in (torch.float32, torch.bfloat16):
            head = trial.build()
            leaves = [u.to(dtype).requires_grad_() for u in trial.embeddings()]
            with torch.autocast("cpu", torch.bfloat16):
                outputs = head(*leaves)
            expected = trial.shape(len(leaves[0]))
            require(list(outputs.shape) == expected, f"shape {expected}", list(outputs.shape))
            require(outputs.isfinite().all(), f"finite outputs of {dtype}", outputs.tolist())
            probed(outputs.float()).backward()
            finite = all(t.grad.isfinite().all() for t in leaves if t.grad is not None)
            require(finite, f"finite gradients of {dtype}", "some that are not finite")


@check("it goes where its weights and embeddings are")
def follows_the_device(subject: Subject) -> None:
    """Move it to torch's device without numbers, and to CUDA where that is."""
    for trial in trials(subject):
        require_one_device(partial(_on_meta, trial))
        if torch.cuda.is_available():
            head, batch = trial.build().eval(), trial.embeddings()
            expected = outputs_of(head, batch)
            came = outputs_of(head.to("cuda"), [u.to("cuda") for u in batch])
            require(came.is_cuda, "outputs on the embeddings' device", came.device)
            require_equal(came.cpu(), expected, "the same outputs on CUDA")


def _on_meta(trial: Trial) -> Tensor:
    outputs: Tensor = trial.build().to("meta")(*(u.to("meta") for u in trial.embeddings()))
    return outputs


def _tensors(head: nn.Module) -> list[Tensor]:
    return [*head.parameters(), *head.buffers()]
