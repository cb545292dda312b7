"""What a reader must know of the scores of an encoder that has met a task's data before."""

from pathlib import Path

from mtbench.api import Cell
from mtbench_builtins.encoders.shipped import SHIPPED, TINY

TEACHER = "all-MiniLM-L6-v2"
TEACHER_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of its ``model.safetensors``: a folder's name tells nothing."""
WEIGHTS = "model.safetensors"
SEEN = {
    TINY: f"tiny learnt from {TEACHER}, which was trained on Quora's question pairs",
    TEACHER: f"{TEACHER} was trained on Quora's question pairs",
}
"""Checkpoints, and what they have seen of Quora."""

QUORA = "para"
"""Stem of the files that predictions for Quora are submitted in, whatever a cell calls it."""


def caveat(cell: Cell) -> str | None:
    """Return why the scores on Quora may flatter the encoder, or None."""
    flattered = [
        name
        for name, info in cell.tasks.items()
        if info.submission and info.submission.stem == QUORA
    ]
    checkpoint = cell.encoder.parameters.get("checkpoint", cell.encoder.name)
    seen = SEEN.get(_known(checkpoint)) if flattered and checkpoint else None
    return f"{', '.join(flattered)} may be flattered: {seen}" if seen else None


def _known(checkpoint: str) -> str:
    """Return the name that a checkpoint is known by, whatever it was given as."""
    weights = Path(checkpoint).expanduser() / WEIGHTS
    if checkpoint == TINY or not weights.is_file():
        return checkpoint.removeprefix("sentence-transformers/")
    from mtbench_builtins.encoders.checkpoints import file_hash

    known = {file_hash(SHIPPED[TINY] / WEIGHTS): TINY, TEACHER_WEIGHTS: TEACHER}
    return known.get(file_hash(weights), "")
