"""The point of least length among the weighted means of a few vectors, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import nnls

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.floating[Any]]


def vectors(gramian: Tensor) -> Floats:
    """Return vectors of m numbers that stand to each other as the gradients do.

    Args:
        gramian: [m, m] float64, inner products of the gradients.

    Returns:
        [m, m], a vector a column: its inner products are the Gramian, divided by the mean of
        its diagonal. Zeros where all gradients are zero.
    """
    products: Floats = gramian.numpy()
    scale = products.diagonal().mean()
    if scale == 0:
        return np.zeros_like(products)
    values, bases = np.linalg.eigh(products / scale)
    # What rounding leaves of a dimension that is not there would otherwise look like its root.
    values[values < len(values) * np.finfo(np.float64).eps * values[-1]] = 0
    root: Floats = np.sqrt(values)[:, None] * bases.T
    return root


def min_norm_weights(points: Floats) -> Floats:
    """Return weights w [m], w >= 0, sum(w) = 1, for which ``points @ w`` is shortest.

    Among all ``x >= 0``, ``|points @ x|^2 + (sum(x) - 1)^2`` is least at a multiple of w, which
    Lawson and Hanson's active sets find in finitely many steps.

    Args:
        points: [r, m], a vector a column.
    """
    m = points.shape[1]
    scale = np.sqrt((points**2).sum() / m)
    if scale == 0:
        return np.full(m, 1 / m)
    rows = np.vstack([points / scale, np.ones(m)])
    solution: Floats = nnls(rows, np.append(np.zeros(len(points)), 1.0))[0]
    weights: Floats = solution / solution.sum()
    return weights
