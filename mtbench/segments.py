"""Segments: the gradients of several tasks, taken from one pass over all of them.

The tasks of a step share no example, so their tokens lie side by side in one stream. What is
between the parameters (attention, activations, norms, dropout) is differentiated for all of them
at once; only where a parameter is reached is the sum over rows taken task by task:
``dL_k/dW = g[rows of k]^T x[rows of k]`` for a linear layer. That is the arithmetic of one
backward pass, whatever the number of tasks.

Shapes: m tasks, R rows of a tensor (tokens or sequences), U rows of an embedding table that occur.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from mtbench.jacobian import ParameterGradients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtbench.protocols import RaggedBatch


class BrokenSegments(RuntimeError):
    """An encoder that declares segments uses a parameter in a way that breaks the promise."""


class Segments:
    """Takes one gradient a task of an encoder's parameters from passes over all tasks.

    Its buffers are used again from step to step: one gradient a task of each parameter, and for
    an embedding table the one dense gradient that the optimiser expects.

    Args:
        parameters: the shared ones that are trained.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = tuple(parameters)
        self._stores = {id(parameter): _Store(parameter) for parameter in self._parameters}
        self._places: dict[str, int] = {}

    def begin(self, tasks: Sequence[str]) -> None:
        """Forget the last step; these tasks make up the next one."""
        self._places = {task: place for place, task in enumerate(tasks)}
        for store in self._stores.values():
            store.begin(len(tasks))

    @contextmanager
    def recording(self, batch: RaggedBatch, tasks: Sequence[str]) -> Iterator[None]:
        """Take note of all that the encoder does with its parameters.

        Args:
            batch: what the encoder is called with.
            tasks: whose sequences the batch's parts are.
        """
        places = [self._places[task] for task in tasks]
        with _Recorder(self._stores, _Rows(batch, places)):
            yield

    def gradients(self) -> list[ParameterGradients]:
        """Return what the backward passes since ``begin`` left, a record a parameter.

        Raises:
            BrokenSegments: if a parameter was used in another way than the promise says.
        """
        for parameter in self._parameters:
            if parameter.grad is not None:
                raise BrokenSegments(
                    f"the encoder declares segments, and uses a parameter of shape "
                    f"{list(parameter.shape)} otherwise than as the weight or bias of a linear "
                    "layer, a layer norm or an embedding"
                )
        return [self._stores[id(parameter)].gradients() for parameter in self._parameters]


class _Rows:
    """Which rows of a pass belong to which task of the step."""

    def __init__(self, batch: RaggedBatch, tasks: Sequence[int]) -> None:
        sequences = (0, *accumulate(batch.parts))
        tokens = (0, *accumulate(batch.lengths))
        self._tasks = tuple(tasks)
        self._bounds = {len(batch.ids): tuple(tokens[i] for i in sequences)}
        # Where each sequence is one token long, both are the same.
        self._bounds.setdefault(len(batch.lengths), sequences)

    def of(self, tensor: Tensor) -> list[tuple[int, slice]]:
        """Return the rows of each task, for a tensor of tokens or of sequences.

        Raises:
            BrokenSegments: if it is neither.
        """
        bounds = self._bounds.get(tensor.shape[0]) if tensor.ndim else None
        if bounds is None:
            raise BrokenSegments(
                f"the encoder declares segments, and applies a layer to shape "
                f"{list(tensor.shape)}, whose first dimension is neither the batch's tokens nor "
                "its sequences"
            )
        rows = (slice(a, b) for a, b in pairwise(bounds))
        return list(zip(self._tasks, rows, strict=True))


class _Store:
    """One parameter's gradients, one a task."""

    def __init__(self, parameter: nn.Parameter) -> None:
        self.parameter = parameter
        self._buffer: Tensor | None = None
        self._dense: Tensor | None = None
        self._rows: Tensor | None = None
        self._written: set[int] = set()
        self._pieces: list[tuple[int, Tensor, Tensor]] = []
        self._tasks = 0

    def begin(self, tasks: int) -> None:
        self._tasks = tasks
        self._written.clear()
        self._pieces.clear()
        if self._buffer is None or len(self._buffer) < tasks:
            self._buffer = None
        if self._dense is not None and self._rows is not None:
            self._dense[self._rows] = 0
            self._rows = None

    def add(self, task: int, write: Callable[[Tensor, bool], object]) -> None:
        """Let a function write a task's gradient, or add to it where there is one already."""
        if self._buffer is None:
            self._buffer = self.parameter.new_empty(self._tasks, *self.parameter.shape)
        write(self._buffer[task], task in self._written)
        self._written.add(task)

    def add_rows(self, task: int, rows: Tensor, gradient: Tensor) -> None:
        """Add a gradient [R, d] that concerns some rows [R] of the parameter, with repetitions."""
        self._pieces.append((task, rows, gradient))

    def gradients(self) -> ParameterGradients:
        if self._pieces:
            return self._of_rows()
        found = [
            self._buffer[task] if self._buffer is not None and task in self._written else None
            for task in range(self._tasks)
        ]
        return ParameterGradients(self.parameter, found)

    def _of_rows(self) -> ParameterGradients:
        if self._written:
            raise BrokenSegments(
                "the encoder declares segments, and uses one parameter as an embedding and otherwise"
            )
        rows = torch.cat([rows for _, rows, _ in self._pieces])
        occurring, places = rows.unique(return_inverse=True)  # [U], [R of all pieces]
        sums = self.parameter.new_zeros(self._tasks, len(occurring), *self.parameter.shape[1:])
        for (task, _, gradient), place in zip(
            self._pieces, places.split([len(rows) for _, rows, _ in self._pieces]), strict=True
        ):
            sums[task].index_add_(0, place, gradient)
        if self._dense is None:
            self._dense = torch.zeros_like(self.parameter)
        self._rows = occurring
        return ParameterGradients(self.parameter, list(sums), occurring, self._dense)


class _Recorder(TorchFunctionMode):
    """Puts layers that take their gradients task by task in the place of torch's own."""

    def __init__(self, stores: Mapping[int, _Store], rows: _Rows) -> None:
        super().__init__()
        self._stores = stores
        self._rows = rows
        self._layers = {F.linear: self._linear, F.layer_norm: self._norm, F.embedding: self._embed}

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        layer = self._layers.get(func)
        if layer is None:
            return func(*args, **(kwargs or {}))
        return layer(*args, **(kwargs or {}))

    def _store(self, parameter: Tensor | None) -> _Store | None:
        return self._stores.get(id(parameter))

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        stores = self._store(weight), self._store(bias)
        if stores == (None, None):
            return F.linear(x, weight, bias)
        x, weight, bias = _autocast(x, weight, bias)
        result: Tensor = _Linear.apply(x, weight, bias, self._rows.of(x), stores)
        return result

    def _norm(
        self,
        x: Tensor,
        shape: Sequence[int],
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        stores = self._store(weight), self._store(bias)
        if weight is None or bias is None or stores == (None, None):
            return F.layer_norm(x, shape, weight, bias, eps)
        rows = self._rows.of(x)
        result: Tensor = _Norm.apply(x.to(weight.dtype), shape, weight, bias, eps, rows, stores)
        return result

    def _embed(
        self, ids: Tensor, weight: Tensor, padding_idx: int | None = None, *rest: Any, **more: Any
    ) -> Tensor:
        store = self._store(weight)
        # With any option but the padding row, torch's own; the parameter then has a .grad.
        if store is None or any(rest[1:]) or any(v for k, v in more.items() if k != "norm_type"):
            return F.embedding(ids, weight, padding_idx, *rest, **more)
        result: Tensor = _Embedding.apply(ids, weight, padding_idx, self._rows.of(ids), store)
        return result


Stores = tuple[_Store | None, _Store | None]
TaskRows = list[tuple[int, slice]]


class _Linear(torch.autograd.Function):
    """A linear layer: ``x W^T + b``."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, rows: TaskRows, stores: Stores
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.rows, ctx.stores = rows, stores
        return F.linear(x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None, None, None]:
        x, weight = ctx.saved_tensors
        of_weight, of_bias = ctx.stores
        for task, rows in ctx.rows:
            g = gradient[rows].flatten(0, -2)  # [R, out]
            if of_weight is not None:
                of_weight.add(task, _product(g.T, x[rows].flatten(0, -2)))
            if of_bias is not None:
                of_bias.add(task, _sum(g))
        of_x = gradient @ weight if ctx.needs_input_grad[0] else None
        return of_x, None, None, None, None


class _Norm(torch.autograd.Function):
    """A layer norm with weight and bias (Ba et al. 2016)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        shape: Sequence[int],
        weight: Tensor,
        bias: Tensor,
        eps: float,
        rows: TaskRows,
        stores: Stores,
    ) -> Tensor:
        result, mean, inverse = torch.native_layer_norm(x, shape, weight, bias, eps)
        ctx.save_for_backward(x, mean, inverse, weight, bias)
        ctx.shape, ctx.rows, ctx.stores = shape, rows, stores
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, *tuple[None, ...]]:
        x, mean, inverse, weight, bias = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], *(store is not None for store in ctx.stores)]
        of_x = []
        for task, rows in ctx.rows:
            part, *found = torch.ops.aten.native_layer_norm_backward(
                gradient[rows], x[rows], ctx.shape, mean[rows], inverse[rows], weight, bias, wanted
            )
            of_x.append(part)
            for store, value in zip(ctx.stores, found, strict=True):
                if store is not None:
                    store.add(task, _copy(value))
        return torch.cat(of_x) if wanted[0] else None, *(None,) * 6


class _Embedding(torch.autograd.Function):
    """Rows of a table."""

    @staticmethod
    def forward(
        ctx: Any,
        ids: Tensor,
        weight: Tensor,
        padding: int | None,
        rows: TaskRows,
        store: _Store,
    ) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.padding, ctx.rows, ctx.store = padding, rows, store
        return F.embedding(ids, weight)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, ...]:
        (ids,) = ctx.saved_tensors
        for task, rows in ctx.rows:
            taken, g = ids[rows].flatten(), gradient[rows].flatten(0, ids.ndim - 1)
            if ctx.padding is not None:
                real = taken != ctx.padding
                taken, g = taken[real], g[real]
            ctx.store.add_rows(task, taken, g)
        return (None,) * 5


Write = Callable[[Tensor, bool], object]


def _product(a: Tensor, b: Tensor) -> Write:
    def write(place: Tensor, add: bool) -> None:
        if a.dtype != place.dtype:
            _copy(a @ b)(place, add)
        elif add:
            place.addmm_(a, b)
        else:
            torch.mm(a, b, out=place)

    return write


def _sum(g: Tensor) -> Write:
    return _copy(g.sum(dim=0))


def _copy(value: Tensor) -> Write:
    def write(place: Tensor, add: bool) -> None:
        if add:
            place.add_(value)
        else:
            place.copy_(value)

    return write


def _autocast(*tensors: Tensor | None) -> Iterable[Any]:
    """Return what torch would have a linear layer compute with under the autocast in force."""
    device = next(t.device.type for t in tensors if t is not None)
    if not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return [None if t is None else t.to(dtype) for t in tensors]
