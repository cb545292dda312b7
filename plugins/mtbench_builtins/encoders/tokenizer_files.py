"""Tokenizer of a checkpoint: what the library transformers makes of the folder's files.

It is made with the library tokenizers alone, in the steps that ``AutoTokenizer`` of
transformers 5 takes for a BERT. Where these steps would drop what a file says, the folder is
refused with the names of both files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtbench.api import UsageError, check_there
from mtbench_builtins.encoders import tokenizer_settings
from mtbench_builtins.encoders.added_tokens import add, declarations
from mtbench_builtins.encoders.checkpoints import Checkpoint
from mtbench_builtins.encoders.files import read_json
from mtbench_builtins.encoders.lengths import longest
from mtbench_builtins.encoders.tokenizer_settings import NEEDED, TokenizerSettings, token_text
from mtbench_builtins.encoders.word_piece import disagreement, word_piece

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BERTS = frozenset(
    f"{name}Tokenizer{fast}"
    for name in ("Bert", "DistilBert", "Electra", "LayoutLM", "MobileBert", "SqueezeBert")
    for fast in ("", "Fast")
)
"""Classes of transformers that take of a ``tokenizer.json`` its vocabulary and added tokens."""
AS_IT_IS = frozenset({"PreTrainedTokenizerFast", "PreTrainedTokenizer", "TokenizersBackend"})
"""Classes of transformers that take a ``tokenizer.json`` as it is."""


def load(checkpoint: Checkpoint, max_tokens: int | None) -> Tokenizer:
    """Return the tokenizer of a checkpoint, which cuts sequences and pads none.

    Args:
        max_tokens: of the longest sequence; None for as many as there may be.

    Raises:
        UsageError: if a file cannot be used, says what transformers would not follow, or allows
            no sequence of so many tokens.
    """
    settings = tokenizer_settings.read(checkpoint)
    file = checkpoint.vocabulary
    stored = _stored(file) if file.suffix == ".json" else None
    serialised = read_json(file) if stored else {}
    declared = list(declarations(checkpoint, settings, serialised))
    if settings.kind in BERTS:
        pieces = _pieces(file, settings, serialised)
        names = {key: token_text(settings.named[f"{key}_token"]) for key in ("unk", "cls", "sep")}
        tokenizer, named = word_piece(pieces, settings.flags, **names), settings.named
    elif settings.kind in AS_IT_IS and stored is not None and stored.post_processor is not None:
        tokenizer, named = (
            stored,
            {k: v for k, v in settings.named.items() if k in settings.values},
        )
    else:
        raise UsageError(
            f"{settings.file}: tokenizer_class is {settings.kind!r}, which makes of {file} what "
            "minbert does not; the encoder 'huggingface' may take it"
        )
    add(tokenizer, file, settings, declared, named)
    embedded, highest = checkpoint.shape().vocabulary, max(tokenizer.get_vocab().values())
    if highest >= embedded:
        raise UsageError(f"{file}: {highest + 1} tokens, but the weights have {embedded}")
    tokenizer.no_padding()
    tokenizer.enable_truncation(
        _longest(checkpoint, settings, max_tokens), direction=_cut_side(settings, serialised)
    )
    return tokenizer


def _stored(file: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    with _reading(file):
        return Tokenizer.from_file(str(file))


def _pieces(
    file: Path, settings: TokenizerSettings, serialised: Mapping[str, Any]
) -> dict[str, int]:
    """Return the vocabulary of a tokenizer of BERT's own kind."""
    from tokenizers import models

    if serialised:
        differs = disagreement(serialised, settings.flags, settings.values)
        if differs:
            raise UsageError(
                f"{file}: {differs}, as {settings.file} has it for transformers "
                f"({settings.kind}); make the two agree"
            )
        pieces: dict[str, int] = serialised["model"]["vocab"]
    else:
        with _reading(file):
            pieces = models.WordPiece.read_file(str(file))
    needed = [token_text(settings.named[key]) for key in NEEDED]
    missing = [piece for piece in needed if piece not in pieces]
    if missing:
        raise UsageError(f"{file}: no {', '.join(missing)} in it")
    return pieces


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Make one line of what the library says of a file that it cannot read."""
    check_there(file, "vocabulary")
    try:
        yield
    except Exception as error:  # the library raises nothing more precise
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{file}: the library tokenizers cannot read it ({reason})") from error


def _longest(checkpoint: Checkpoint, settings: TokenizerSettings, max_tokens: int | None) -> int:
    """Return how many tokens the longest sequence has."""
    positions = checkpoint.shape().max_positions
    limits = {
        f"{checkpoint.config}: max_position_embeddings": positions,
        f"{settings.file}: model_max_length": settings.longest,
    }
    return longest(max_tokens, limits) or positions


def _cut_side(settings: TokenizerSettings, serialised: Mapping[str, Any]) -> str:
    """Return the side on which sequences are cut."""
    truncation = serialised.get("truncation") or {}
    side = settings.values.get("truncation_side", truncation.get("direction", "right").lower())
    if side not in ("left", "right"):
        raise settings.refusal("truncation_side", "'left' or 'right'")
    return str(side)
