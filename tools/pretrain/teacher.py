"""Vectors of the teacher: an encoder in the Hugging Face layout, mean-pooled and normalised."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from tools.pretrain import checkpoint
from tools.pretrain.embedding import embed

MAX_TOKENS = 128
BATCH_TOKENS = 8192
SHARD = 20_000
"""Texts of a file: what an interruption loses at most."""


class Teacher:
    """An encoder that tells what a text means.

    Args:
        folder: its checkpoint.

    Attributes:
        width: of its vectors.
    """

    def __init__(self, folder: Path) -> None:
        encoder, self._tokenizer = checkpoint.read(folder, MAX_TOKENS)
        self._encoder = encoder.eval()
        self.width = encoder.width

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Return a vector of length 1 a text, [texts, width], in float16.

        Products are taken in bfloat16: twice as fast on today's processors, and cosines differ
        by 0.003 at most, a small part of what a student is off by.
        """
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = embed(self._encoder, self._tokenizer, texts, batch_tokens=BATCH_TOKENS)
        return vectors.half().numpy()


def write_vectors(
    teacher: Callable[[], Teacher], texts: Sequence[str], folder: Path, log: Callable[[str], None]
) -> None:
    """Write the vectors of texts in shards; those that lie there already are not made again.

    Args:
        teacher: makes the teacher, if there is anything to do.
        texts: what to encode.
        folder: where the shards go.
        log: takes lines about the progress.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = [(i, folder / f"{i:08d}.npy") for i in range(0, len(texts), SHARD)]
    missing = [(i, file) for i, file in shards if not file.exists()]
    encoder = teacher() if missing else None
    for i, file in missing:
        assert encoder is not None
        part = file.with_suffix(".part")
        with part.open("wb") as stream:
            np.save(stream, encoder.vectors(texts[i : i + SHARD]))
        part.replace(file)
        log(f"teacher: {min(i + SHARD, len(texts)):,} of {len(texts):,} texts")


def read_vectors(folder: Path) -> np.ndarray:
    """Return the vectors that :func:`write_vectors` wrote, [texts, width], in float16."""
    return np.concatenate([np.load(file) for file in sorted(folder.glob("*.npy"))])
