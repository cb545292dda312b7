"""Vocabulary of a model without a checkpoint: the sample tasks' words, and every character."""

from functools import cache
from string import ascii_lowercase, digits, punctuation

from mtbench_builtins.tasks.sample_words import vocabulary as sample_words

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@cache
def vocabulary() -> tuple[str, ...]:
    """Return the WordPieces; a piece's place is its token id.

    Any English text in ASCII can be written with them: a word that is not among the sample
    tasks' is spelt. Marks have no continuation, because BERT parts words at them.
    """
    characters = (*punctuation, *digits, *ascii_lowercase)
    continuations = (f"##{character}" for character in (*digits, *ascii_lowercase))
    return tuple(dict.fromkeys((*SPECIAL, *characters, *continuations, *sample_words())))
