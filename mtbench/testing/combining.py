"""Run a combiner by name on gradients that a test writes down."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mtbench.components.entries import build_parameters, load_target
from mtbench.components.registry import Registry
from mtbench.gradients.oracle import GradientOracle, Portion
from mtbench.gradients.segments import Segments
from mtbench.randomness import derive
from mtbench.specs import CombinerSpec


def combine(
    name: str,
    jacobian: Tensor | Sequence[Sequence[float]],
    *,
    losses: Tensor | Sequence[float] | None = None,
    seed: int = 0,
    plugins: Iterable[Path | str] = (),
    **params: Any,
) -> Tensor:
    """Return the update that a combiner makes of the tasks' gradients.

    The combiner comes from the registry and is asked by the gradient oracle, once, at step 0 of
    1, just as in training: m tasks named ``"0"``, ``"1"`` ... whose losses have the rows of the
    Jacobian as gradients.

    Args:
        name: as in a matrix.
        jacobian: [m, n], a task's gradient in each row; a nested sequence is read as float64.
        losses: [m], the tasks' losses; all 1 where they are left out.
        seed: decides the combiner's random draws.
        plugins: plugin files, where the combiner is not installed.
        params: the combiner's parameters.

    Returns:
        [n], in the Jacobian's dtype and on its device.

    Raises:
        ValueError: if the Jacobian is not a matrix of at least one floating-point number, or
            there is not one loss a row.
        UsageError: if the combiner or a parameter is not known.
        PluginError: if the combiner's plugin is broken.
        BrokenCombiner: if the combiner returns no update.
    """
    entry = Registry.load(list(map(Path, plugins))).find("combiner", name)
    spec = entry.spec
    assert isinstance(spec, CombinerSpec)  # the registry keeps each kind's own specs apart
    parameters = build_parameters(entry, params, where=f"combiner {name}")
    combiner = load_target(entry, spec.target)(parameters)
    generator = torch.Generator().manual_seed(derive(seed, "combiner"))
    rows = _matrix(jacobian)
    values = _losses(losses, rows)
    shared = nn.Parameter(rows.new_zeros(rows.shape[1]))

    def forward(batches: Mapping[str, int], _: Segments | None) -> dict[str, Tensor]:
        # At zero the linear term changes no loss; its gradient is the task's row.
        return {task: values[row] + rows[row] @ shared for task, row in batches.items()}

    oracle = GradientOracle(
        combiner=combiner, needs=spec.needs, shared=[shared], private=[], generator=generator
    )
    portions = {str(row): [Portion(batch=row, share=1.0)] for row in range(len(rows))}
    oracle.step(forward, portions, step=0, total_steps=1)
    assert shared.grad is not None  # every row reaches the parameter, be it with zeros
    return shared.grad


def _matrix(jacobian: Tensor | Sequence[Sequence[float]]) -> Tensor:
    if isinstance(jacobian, Tensor):
        rows = jacobian.detach()
    else:
        rows = torch.tensor(jacobian, dtype=torch.float64)
    if rows.ndim != 2 or not rows.numel() or not rows.is_floating_point():
        raise ValueError(
            f"a Jacobian is a floating-point matrix [m, n]; given: {rows.dtype}, "
            f"shape {list(rows.shape)}"
        )
    return rows


def _losses(losses: Tensor | Sequence[float] | None, rows: Tensor) -> Tensor:
    if losses is None:
        return rows.new_ones(len(rows))
    values = torch.as_tensor(losses).detach().to(rows)
    if values.shape != (len(rows),):
        raise ValueError(f"expected {len(rows)} losses, one a task; given: {values.tolist()}")
    return values
