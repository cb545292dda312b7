"""Families of texts: near and far relatives, whose similarity only meaning tells.

Sentences drawn at random are almost all unlike each other, so their cosines say little about
what a word changes. A family holds a sentence, the one that follows it, the sentence with a
word or two changed, and its frame with all other words changed ("a woman is firing a rifle", "a
woman is cutting a lemon").
"""

import random
import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from tools.pretrain.settings import Families

SIZE = 4
"""Texts of a family."""

ENDINGS = ("ing", "ed", "ly", "es", "s", "er", "al", "ous", "y")
"""A word is replaced by one of the same ending, which is often one of the same kind."""

_WORD = re.compile(r"[a-z]+(?=[^\w]*$)", re.IGNORECASE)

Place = tuple[str, str, bool]
"""Where a word can stand: after which word of the frame, how it ends, and whether it is a name."""


class Thesaurus:
    """Words that can stand for one another: of the same kind, seen after the same word.

    Args:
        sentences: where words are seen.
        frame_words: the so many most frequent words are never replaced.
        replacements: the so many most frequent of the others may replace one.
    """

    def __init__(self, sentences: Sequence[str], frame_words: int, replacements: int) -> None:
        counts = Counter(word for text in sentences for word in map(bare, text.split()) if word)
        # Ties by the word itself: the order of a Counter is that of the corpus.
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        self._frame = frozenset(word.lower() for word in ranked[:frame_words])
        known = frozenset(ranked[frame_words : frame_words + replacements])
        seen: dict[Place, Counter[str]] = {}
        for text in sentences:
            for before, word in pairwise(["", *map(bare, text.split())]):
                if word in known and word.lower() not in self._frame:
                    for place in {self._place(before, word), self._place("", word)}:
                        seen.setdefault(place, Counter())[word] += 1
        self._seen = {place: _cumulated(words) for place, words in seen.items()}

    def is_content(self, word: str) -> bool:
        """Tell whether a word is none of the frame's, and has stand-ins."""
        return (
            bool(word) and word.lower() not in self._frame and self._place("", word) in self._seen
        )

    def stand_in(self, before: str, word: str, rng: random.Random) -> str:
        """Return a word that can stand for another after the word before it.

        Now and then that is the word itself.
        """
        place = self._place(before, word)
        words, weights = self._seen.get(place) or self._seen[self._place("", word)]
        return words[bisect(weights, rng.random() * weights[-1], hi=len(words) - 1)]

    def _place(self, before: str, word: str) -> Place:
        lower, frame = word.lower(), before.lower()
        ends = (end for end in ENDINGS if lower.endswith(end) and len(lower) > len(end))
        return frame if frame in self._frame else "", next(ends, ""), word[0].isupper()


def _cumulated(counts: Counter[str]) -> tuple[list[str], list[float]]:
    """Return words and cumulated weights: counts to the power of 3/4 (Mikolov et al. 2013)."""
    words = sorted(counts)
    return words, list(accumulate(counts[word] ** 0.75 for word in words))


def bare(word: str) -> str:
    """Return a word without the marks that follow it; nothing if it is no plain word."""
    match = _WORD.match(word)
    return match.group() if match else ""


def families(
    documents: Sequence[Sequence[str]], settings: Families, rng: random.Random
) -> list[list[str]]:
    """Make families from pairs of neighbours.

    Args:
        documents: sentences in the order of the text.
        settings: how many families, and of what words.
        rng: where chance comes from.

    Returns:
        Families of :data:`SIZE` texts; fewer than asked for where the text runs out.
    """
    every = [sentence for document in documents for sentence in document]
    thesaurus = Thesaurus(every, settings.frame_words, settings.replacements)
    shortest, longest = settings.words
    pairs = [
        pair
        for document in documents
        for pair in list(pairwise(document))[::2]
        if all(shortest <= len(sentence.split()) <= longest for sentence in pair)
    ]
    rng.shuffle(pairs)
    made: list[list[str]] = []
    for first, second in pairs:
        if len(made) == settings.count:
            break
        words = first.split()
        content = [i for i, word in enumerate(words) if thesaurus.is_content(bare(word))]
        if len(content) > 1:
            few = rng.sample(content, 1 + (rng.random() < 1 / 3))
            changed = (_changed(words, places, thesaurus, rng) for places in (few, content))
            made.append([first, second, *changed])
    return made


def _changed(
    words: Sequence[str], places: Iterable[int], thesaurus: Thesaurus, rng: random.Random
) -> str:
    """Return the sentence with the words at some places changed."""
    changed = list(words)
    for i in places:
        word = bare(words[i])
        before = bare(words[i - 1]) if i else ""
        changed[i] = thesaurus.stand_in(before, word, rng) + words[i][len(word) :]
    return " ".join(changed)
