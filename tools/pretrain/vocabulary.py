"""Vocabulary: WordPieces trained on the corpus, lower-cased as in the uncased BERT."""

from collections import Counter
from collections.abc import Sequence

from mtbench_builtins.encoders.vocabulary import SPECIAL

ALPHABET = 200
"""Most characters that have a piece of their own; rarer ones are unknown."""


def train(texts: Sequence[str], pieces: int) -> list[str]:
    """Return the WordPieces; a piece's place is its token id.

    Args:
        texts: what they are counted in.
        pieces: how many, ``SPECIAL`` among them.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    first: Counter[str] = Counter()
    later: Counter[str] = Counter()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal):
            first[word[0]] += 1
            later.update(word[1:])
    counts = first + later
    alphabet = sorted(counts, key=lambda letter: (-counts[letter], letter))[:ALPHABET]
    # The library numbers continuations, and breaks ties, in the order of a hash table that is
    # seeded anew in each process. Where every letter has its number beforehand, all is settled.
    continuations = sorted(f"##{letter}" for letter in alphabet if letter in later)
    trainer = trainers.WordPieceTrainer(
        vocab_size=pieces,
        special_tokens=[*SPECIAL, *sorted(alphabet), *continuations],
        initial_alphabet=alphabet,
        limit_alphabet=ALPHABET,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)
