"""Segments: the gradients of several tasks, taken from one pass over all of them.

The tasks of a step share no example, so their tokens lie side by side in one stream. What is
between the parameters (attention, activations, dropout) is differentiated for all of them at
once; only where a parameter is reached is the sum over rows taken task by task:
``dL_k/dW = g[rows of k]^T x[rows of k]`` for a linear layer. That is the arithmetic of one
backward pass, whatever the number of tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from mtbench.gradients.accumulators import Accumulator, BrokenSegments
from mtbench.gradients.jacobian import ParameterGradients
from mtbench.gradients.layers import TaskRows, embedding, linear, norm
from mtbench.protocols import RaggedBatch

LAYERS: Mapping[type[nn.Module], Callable[..., Tensor]] = {
    nn.Linear: linear,
    nn.LayerNorm: norm,
    nn.Embedding: embedding,
}


class Segments:
    """Takes one gradient a task of an encoder's parameters from passes over all tasks.

    Its buffers are used again from step to step: one gradient a task of each parameter, and for
    an embedding table the one dense gradient that the optimiser expects.

    Args:
        encoder: one that declares ``segments``; see ``protocols.Encoder``.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._parameters = {n: p for n, p in encoder.named_parameters() if p.requires_grad}
        self._accumulators: dict[Tensor | None, Accumulator] = {
            parameter: Accumulator(parameter) for parameter in self._parameters.values()
        }
        self._layers = list(_layers(encoder))
        self._places: dict[str, int] = {}

    def begin(self, tasks: Sequence[str], *, take_products: bool = False) -> None:
        """Forget the last step; these tasks make up the next one.

        Args:
            tasks: in the order of the gradients to come.
            take_products: as for ``Accumulator.begin``.
        """
        self._places = {task: place for place, task in enumerate(tasks)}
        for accumulator in self._accumulators.values():
            accumulator.begin(len(tasks), take_products=take_products)

    @contextmanager
    def recording(self, batch: RaggedBatch, tasks: Sequence[str]) -> Iterator[None]:
        """Have the encoder's layers leave one gradient a task when they are differentiated.

        Args:
            batch: what the encoder is called with.
            tasks: whose sequences the batch's parts are.
        """
        rows = TaskRows(batch, [self._places[task] for task in tasks])
        # An attribute of the instance is found before the method of the class; nothing of the
        # layer's own is touched.
        for module, layer in self._layers:
            vars(module)["forward"] = partial(layer, module, rows, self._accumulators)
        try:
            yield
        finally:
            for module, _ in self._layers:
                del vars(module)["forward"]

    def gradients(self) -> list[ParameterGradients]:
        """Return what the backward passes since ``begin`` left, a record a parameter.

        Raises:
            BrokenSegments: if a parameter was used in another way than the promise says.
        """
        for name, parameter in self._parameters.items():
            if parameter.grad is not None:
                raise BrokenSegments(
                    f"the encoder declares segments, and uses {name} otherwise than in an "
                    "nn.Linear, nn.LayerNorm or nn.Embedding"
                )
        return [accumulator.gradients() for accumulator in self._accumulators.values()]


def _layers(encoder: nn.Module) -> Iterator[tuple[nn.Module, Callable[..., Tensor]]]:
    """Yield the encoder's layers whose gradients can be taken task by task.

    What is left out (a subclass with a forward of its own, an embedding with an option) is
    differentiated as torch does it, which ``Segments.gradients`` then notices.
    """
    for module in encoder.modules():
        kind = next((k for k in LAYERS if type(module).forward is k.forward), None)
        trained = any(p.requires_grad for p in module.parameters(recurse=False))
        if kind is not None and trained and _is_plain(module):
            yield module, LAYERS[kind]


def _is_plain(module: Any) -> bool:
    """Whether a layer is without options that change its gradient, and nothing is put on it."""
    computed = any(
        not isinstance(getattr(module, name, None), nn.Parameter | None)
        for name in ("weight", "bias")  # from other parameters, as torch.nn.utils.parametrize does
    )
    if computed or "forward" in vars(module):
        return False
    if isinstance(module, nn.Embedding):
        return module.max_norm is None and not (module.scale_grad_by_freq or module.sparse)
    return True
