"""Accumulators: one gradient a task of a parameter, as the layers of a pass leave it.

Shapes: m tasks of a step, R rows of a tensor, U rows of an embedding table that occur.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtbench.gradients.jacobian import BLOCK, ParameterGradients, inner_products


class BrokenSegments(RuntimeError):
    """An encoder that declares segments uses a parameter in a way that breaks the promise."""

    part = "encoder"


class Accumulator:
    """One parameter's gradients, one a task, in a buffer that is used again from step to step.

    Of an embedding table only the rows that occur are kept, until they are combined.
    """

    def __init__(self, parameter: nn.Parameter) -> None:
        self._parameter = parameter
        self._buffer: Tensor | None = None  # [m or more, *shape]
        self._dense: Tensor | None = None
        self._rows: Tensor | None = None
        self.begin(0)

    def begin(self, tasks: int, *, take_products: bool = False) -> None:
        """Forget the last step; the next one has so many tasks.

        Args:
            take_products: whether inner products are taken as soon as a pass ends: one pass makes
                up the step, and they will be asked for.
        """
        self._tasks = tasks
        self._take_products = take_products
        self._products: Tensor | None = None
        self._used: set[int] = set()
        self._pieces: list[tuple[int, Tensor, Tensor]] = []
        if self._buffer is not None and len(self._buffer) < tasks:
            self._buffer = None
        if self._dense is not None and self._rows is not None:
            self._dense[self._rows] = 0
            self._rows = None

    def add(self, task: int, gradient: Tensor) -> None:
        """Add to a task's gradient."""
        place = self._all()[task]
        if task in self._used:
            place.add_(gradient)
        else:
            place.copy_(gradient)
        self._used.add(task)

    def add_sum(self, task: int, rows: Tensor) -> None:
        """Add the sum of rows to a task's gradient."""
        place = self._all()[task]
        if task in self._used or rows.dtype != place.dtype:
            self.add(task, rows.sum(dim=0))
            return
        torch.sum(rows, 0, out=place)
        self._used.add(task)

    def add_product(self, task: int, a: Tensor, b: Tensor) -> None:
        """Add the product of two matrices to a task's gradient, in place where types agree."""
        place = self._all()[task]
        if a.dtype != place.dtype:
            self.add(task, a @ b)
            return
        if task in self._used:
            place.addmm_(a, b)
        else:
            torch.mm(a, b, out=place)
        self._used.add(task)

    def end_pass(self) -> None:
        """Take the inner products while the gradients are still in the processor's cache."""
        if (
            self._take_products
            and len(self._used) == self._tasks
            and self._parameter.numel() >= BLOCK
        ):
            self._products = inner_products(self._all().flatten(1))

    def add_rows(self, task: int, rows: Tensor, gradient: Tensor) -> None:
        """Add a gradient [R, d] of some rows [R] of the parameter, with repetitions."""
        self._pieces.append((task, rows, gradient))

    def gradients(self) -> ParameterGradients:
        """Return the gradients of all tasks."""
        if self._pieces:
            return self._of_rows()
        if not self._used:
            return ParameterGradients(self._parameter, [None] * self._tasks)
        buffer = self._all()
        of_tasks = [buffer[task] if task in self._used else None for task in range(self._tasks)]
        whole = len(self._used) == self._tasks
        return ParameterGradients(
            self._parameter, of_tasks, stacked=buffer if whole else None, products=self._products
        )

    def _all(self) -> Tensor:
        if self._buffer is None:
            self._buffer = self._parameter.new_empty(self._tasks, *self._parameter.shape)
        return self._buffer[: self._tasks]

    def _of_rows(self) -> ParameterGradients:
        if self._used:
            raise BrokenSegments(
                "the encoder declares segments, and uses one parameter as an embedding table and "
                "in another way"
            )
        tasks, rows, gradients = zip(*self._pieces, strict=True)
        occurring, inverse = torch.cat(rows).unique(return_inverse=True)  # [U], [R of all pieces]
        sums = self._parameter.new_zeros(self._tasks, len(occurring), *self._parameter.shape[1:])
        for task, place, gradient in zip(
            tasks, inverse.split([len(r) for r in rows]), gradients, strict=True
        ):
            sums[task].index_add_(0, place, gradient)
        if self._dense is None:
            self._dense = torch.zeros_like(self._parameter)
        self._rows = occurring
        return ParameterGradients(
            self._parameter, list(sums), stacked=sums, rows=occurring, dense=self._dense
        )


Accumulators = Mapping[Tensor | None, Accumulator]
"""By the parameter; there is none for what is not trained, or not there."""
