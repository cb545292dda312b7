"""What a reader must know of the scores of an encoder: what it has met, and what it leaves out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mtbench.api import Cell
from mtbench_builtins.encoders.facts import Facts
from mtbench_builtins.encoders.refusals import pooler_tasks
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

CASED = 0.05
"""Share of a vocabulary's words that have capitals, above which that is no chance."""


def caveat(cell: Cell) -> list[str]:
    """Return what a reader of the scores of a cell's BERT must know."""
    from mtbench_builtins.encoders.inspection import inspect, parameters_of

    return [*seen(cell), *told(cell, inspect(parameters_of(cell)))]


def seen(cell: Cell) -> Iterator[str]:
    """Yield why the scores on Quora may flatter the encoder."""
    flattered = [
        name
        for name, info in cell.tasks.items()
        if info.submission and info.submission.stem == QUORA
    ]
    checkpoint = cell.encoder.parameters.get("checkpoint", cell.encoder.name)
    told = SEEN.get(_known(checkpoint)) if flattered and checkpoint else None
    if told:
        yield f"{', '.join(flattered)} may be flattered: {told}"


def told(cell: Cell, facts: Facts | None) -> Iterator[str]:
    """Yield what a checkpoint's folder says that the encoder is not; nothing without facts."""
    if facts is not None:
        for said in _lacks(facts, pooler_tasks(cell)):
            place = cell.encoder.parameters.get("checkpoint", cell.encoder.name)
            yield f"{Path(place).name} {said}"


def _lacks(facts: Facts, pooled: Sequence[str]) -> Iterator[str]:
    """Yield what is to be said of a checkpoint.

    Args:
        pooled: tasks whose heads ask for the pooler.
    """
    if facts.drawn and pooled:
        yield f"has no pooler: that of {', '.join(pooled)} began as random weights"
    if facts.modules:
        yield f"has modules that are left out: {', '.join(facts.modules)}"
    declared, longest = facts.declared, facts.longest
    if declared is not None and (longest is None or declared < longest):
        yield (
            f"was made for texts of at most {declared} tokens (max_seq_length), and is given "
            f"{'longer ones' if longest is None else f'up to {longest}'} (max_tokens)"
        )
    if facts.cased > CASED:
        yield (
            "has a cased vocabulary, but its tokenizer lowers the case: "
            f"{facts.cased:.0%} of the vocabulary's words are never met (do_lower_case)"
        )


def _known(checkpoint: str) -> str:
    """Return the name that a checkpoint is known by, whatever it was given as."""
    if checkpoint != TINY and (weights := Path(checkpoint).expanduser() / WEIGHTS).is_file():
        from mtbench_builtins.encoders.files import file_hash

        known = {file_hash(SHIPPED[TINY] / WEIGHTS): TINY, TEACHER_WEIGHTS: TEACHER}
        return known.get(file_hash(weights), "")
    return checkpoint.removeprefix("sentence-transformers/")
