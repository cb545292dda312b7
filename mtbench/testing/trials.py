"""Trials: what checks of several kinds share, such as an ordinary cell and guarded generators."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mtbench.matrix.configuration import TrainConfig
from mtbench.parameters import HeadParameters
from mtbench.protocols import TaskInfo
from mtbench.randomness import seed_torch
from mtbench.specs import Cell, Component
from mtbench.testing.checks import Subject, fail, require

TASKS = {
    "sst": TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5),
    "pd": TaskInfo(sentences=2, loss="binary-cross-entropy", metrics=("accuracy",), classes=2),
    "sts": TaskInfo(
        sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
    ),
}

MIXED = ("expected device", "same device")
"""What torch's messages say where tensors of two devices meet."""


def ordinary_cell(subject: Subject) -> Cell:
    """Return a cell of three tasks of different kinds with a component in its place."""
    own = Component(subject.spec.name, subject.parameters.model_dump(mode="json", by_alias=True))
    parts = {
        "encoder": Component("tiny"),
        "head": Component("linear", HeadParameters(dropout=0.1).model_dump(mode="json")),
        "balancer": Component("round-robin"),
        "combiner": Component("sum"),
        subject.spec.kind: own,
    }
    return Cell(
        tasks=TASKS,
        encoder=parts["encoder"],
        heads=dict.fromkeys(TASKS, parts["head"]),
        balancer=parts["balancer"],
        combiner=parts["combiner"],
        train=TrainConfig(epochs=1).model_dump(mode="json"),
    )


def require_reason(reason: object, function: str = "rejects") -> None:
    """Fail unless something is None, or a reason in one line."""
    sound = reason is None or (isinstance(reason, str) and reason.strip() and "\n" not in reason)
    require(sound, f"{function} to give a reason in one line, or None", repr(reason))


@contextmanager
def seeded_globally(seed: int) -> Iterator[None]:
    """Have the global generators start from a seed, and put them back afterwards."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        seed_torch(seed)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


@contextmanager
def untouched(*, but_torch: bool = False) -> Iterator[None]:
    """Fail if a global generator of Python, numpy or torch is not in the state it was in.

    Args:
        but_torch: whether torch's may be drawn from; it must not be seeded anew.
    """
    before, seed = _states(), torch.initial_seed()
    yield
    anew = torch.initial_seed()
    require(anew == seed, "torch's generator as it was seeded", f"one seeded anew with {anew}")
    moved = [name for name, state in _states().items() if state != before[name]]
    if but_torch:
        moved = [name for name in moved if name != "torch's"]
    require(
        not moved, "the global generators as they were", f"another state of {' and '.join(moved)}"
    )


def _states() -> dict[str, Any]:
    """Return the states of the global generators, as values that compare."""
    return {
        "Python's": random.getstate(),
        "numpy's": pickle.dumps(np.random.get_state()),
        "torch's": bytes(torch.get_rng_state().numpy()),
    }


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> str:
    """Return the names of tensors that are not equal in two state dicts, in a text."""
    names = sorted(before.keys() | after.keys())
    kept = before.keys() & after.keys()
    return ", ".join(n for n in names if n not in kept or not before[n].equal(after[n]))


def require_one_device(function: Callable[[], Tensor]) -> None:
    """Fail if a function of tensors on ``meta`` makes tensors elsewhere.

    That device has shapes and no numbers, and is on every machine. What needs numbers
    (``.item()``, a mask, a generator of the device) cannot be tried there, and does not fail.

    Raises:
        CheckFailed: if tensors of two devices meet, or the result lies elsewhere.
    """
    try:
        with _OneDevice():
            result = function()
    except NotImplementedError:
        return
    except RuntimeError as error:
        if any(words in str(error) for words in MIXED):
            fail("tensors on one device", str(error).splitlines()[0])
        return
    require(result.device.type == "meta", "a result where the tensors are", result.device)


class _OneDevice(TorchDispatchMode):
    """Fails where tensors of two devices meet; torch's products of matrices do not notice."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and t.ndim]
        devices = sorted({tensor.device.type for tensor in tensors})
        # Copies go between devices, and an index may lie on the CPU.
        if len(devices) > 1 and "copy" not in name and "index" not in name:
            fail("tensors on one device", f"{' and '.join(devices)} in {name}")
        return func(*args, **(kwargs or {}))
