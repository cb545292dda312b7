"""From a head's output to a task's loss and predictions.

Shapes: B examples; a head gives [B, classes] logits under cross-entropy, else [B].
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from mtbench.protocols import TaskInfo

Output = Literal["task", "unit"]


def loss(info: TaskInfo, output: Output, outputs: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss of a batch, a scalar.

    Args:
        output: ``"unit"`` where the head gives a share of the score range; see ``HeadSpec``.
        outputs: [B, classes] or [B], what the head gave.
        labels: [B] float, class indices or scores.
    """
    if info.loss == "cross-entropy":
        return F.cross_entropy(outputs, labels.long())
    if info.loss == "binary-cross-entropy":
        return F.binary_cross_entropy_with_logits(outputs, labels.to(outputs.dtype))
    if output == "unit":
        low, high = _range(info)
        labels = (labels - low) / (high - low)
    return F.mse_loss(outputs, labels.to(outputs.dtype))


def predictions(info: TaskInfo, output: Output, outputs: Tensor) -> Tensor:
    """Return [B] predictions in the labels' own terms: class indices, or scores."""
    if info.loss == "cross-entropy":
        return outputs.argmax(dim=1)
    if info.loss == "binary-cross-entropy":
        return (outputs > 0).long()
    if output == "unit":
        low, high = _range(info)
        return low + outputs * (high - low)
    return outputs


def _range(info: TaskInfo) -> tuple[float, float]:
    assert info.score_range is not None  # TaskInfo checks it for squared error
    return info.score_range
