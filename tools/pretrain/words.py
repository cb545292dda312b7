"""First weights of the student: what the teacher says of each piece, and noise."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mtbench.api import UsageError
from mtbench_builtins.encoders.minbert import Embeddings, Layer, initialise
from mtbench_builtins.encoders.shape import Shape

SPREAD = 0.1
"""Standard deviation of the word embeddings: above that of the positions (0.02), so that a
token is at first its word and little else."""


def initial_state(shape: Shape, vectors: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
    """Return first weights, and the way back from the student's space to the teacher's.

    Word embeddings are the teacher's vectors of the pieces, reduced to the student's width by
    their principal components; everything else is BERT's noise, from torch's generator.

    Args:
        shape: of the student.
        vectors: the teacher's, [pieces, teacher's width].

    Returns:
        A state under minBERT's names, and the components, [teacher's width, student's width].

    Raises:
        UsageError: if the student is wider than the teacher, or than there are pieces.
    """
    if shape.width > min(vectors.shape):
        count, width = vectors.shape
        raise UsageError(
            f"shape.width is {shape.width}; {count} vectors of the teacher, of width {width}, "
            f"have {min(count, width)} principal components"
        )
    model = nn.ModuleDict(
        {
            "embeddings": Embeddings(shape),
            "layers": nn.ModuleList(Layer(shape) for _ in range(shape.layers)),
        }
    )
    model.apply(initialise)
    centred = torch.from_numpy(vectors.astype(np.float64))
    centred -= centred.mean(dim=0)
    _, _, components = torch.linalg.svd(centred, full_matrices=False)
    axes = components[: shape.width].T  # [teacher's width, student's width]
    words = centred @ axes
    state = dict(model.state_dict())
    state["embeddings.word.weight"] = (words * (SPREAD / words.std())).float()
    return state, axes.float().contiguous()


def as_text(pieces: Sequence[str]) -> list[str]:
    """Return the pieces as the teacher shall read them: a continuation without its mark."""
    return [piece.removeprefix("##") for piece in pieces]
