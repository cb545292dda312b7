"""Families of made-up clauses: who does what, to what, and where.

Encyclopedias and reviews seldom say what can be seen, and their common words hide the rare
ones. So plain clauses are made of the corpus's own words ("a woman is firing a rifle"), with
some of their parts exchanged; what they mean, the teacher says.
"""

import random
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

from mtbench.api import UsageError
from tools.pretrain.families import bare
from tools.pretrain.settings import Clauses

ARTICLES = ("a", "an", "the")
FORMS_OF_BE = ("is", "are", "was", "were")
PREPOSITIONS = ("in", "on", "at", "with", "near", "from", "to", "under", "over", "into")
SUBJECT_BEFORE = (*FORMS_OF_BE, "who")
POWER = 0.5
"""Of the counts, as weights: rarer words come more often than in any text."""

Clause = tuple[str, str, str, str, str]
"""Subject, verb, object, preposition and place; the last three may be empty."""


class Words:
    """Subjects, nouns and verbs, as far as their neighbours tell them.

    A noun is what stands between an article and a word of the frame or the end of a sentence; a
    subject is one that a form of "to be" or "who" follows. A verb ends in -ing and stands
    between a form of "to be" and anything, or before an article.

    Args:
        sentences: where they are seen.
        frame_words: the so many most frequent words are none of them.
        fewest: times that a word must be seen.

    Raises:
        UsageError: if there is no subject, no noun or no verb.
    """

    def __init__(self, sentences: Iterable[str], frame_words: int, fewest: int) -> None:
        split = [[bare(word) for word in text.split()] for text in sentences]
        every = Counter(word.lower() for words in split for word in words if word)
        ranked = sorted(every, key=lambda word: (-every[word], word))
        frame = frozenset(ranked[:frame_words]) | {""}
        subjects: Counter[str] = Counter()
        nouns: Counter[str] = Counter()
        verbs: Counter[str] = Counter()
        for words in split:
            for before, word, after in zip(words, words[1:], [*words[2:], ""], strict=False):
                if not word.islower() or word in frame or len(word) < 3:
                    continue
                if before.lower() in ARTICLES and after.lower() in frame:
                    nouns[word] += 1
                    subjects[word] += after in SUBJECT_BEFORE
                elif word.endswith("ing") and (before in FORMS_OF_BE or after in ARTICLES):
                    verbs[word] += 1
        self._subjects = _Lot("subjects", subjects, fewest)
        self._nouns = _Lot("nouns", nouns, fewest)
        self._verbs = _Lot("verbs", verbs, fewest)

    def clause(self, rng: random.Random) -> Clause:
        """Return a clause; two of three have an object, one of three a place."""
        thing = self._nouns.draw(rng) if rng.random() < 2 / 3 else ""
        placed = rng.random() < 1 / 3
        return (
            self._subjects.draw(rng),
            self._verbs.draw(rng),
            thing,
            rng.choice(PREPOSITIONS) if placed else "",
            self._nouns.draw(rng) if placed else "",
        )

    def exchange(self, clause: Clause, parts: Iterable[int], rng: random.Random) -> Clause:
        """Return the clause with other words in some of its parts that are not empty."""
        lots = (self._subjects, self._verbs, self._nouns, None, self._nouns)
        words = list(clause)
        for part in parts:
            lot = lots[part]
            if words[part] and lot is not None:
                words[part] = lot.draw(rng)
        subject, verb, thing, preposition, place = words
        return subject, verb, thing, preposition, place


class _Lot:
    """Words to be drawn, the frequent ones more often."""

    def __init__(self, kind: str, counts: Counter[str], fewest: int) -> None:
        self._words = sorted(word for word, count in counts.items() if count >= fewest)
        if not self._words:
            raise UsageError(
                f"no clauses: the corpus has no {kind} that are seen {fewest} times; "
                "lower clauses.fewest, or make none with clauses.count = 0"
            )
        self._weights = list(accumulate(counts[word] ** POWER for word in self._words))

    def draw(self, rng: random.Random) -> str:
        at = rng.random() * self._weights[-1]
        return self._words[bisect(self._weights, at, hi=len(self._words) - 1)]


def clause_families(
    sentences: Sequence[str], settings: Clauses, rng: random.Random
) -> list[list[str]]:
    """Make families of clauses: one, one part of it changed, two parts, and all of them.

    Args:
        sentences: where the words are seen.
        settings: how many families, and of what words.
        rng: where chance comes from.

    Returns:
        Families of four texts.

    Raises:
        UsageError: if the sentences have not every kind of word.
    """
    if not settings.count:
        return []
    words = Words(sentences, settings.frame_words, settings.fewest)
    made = []
    for _ in range(settings.count):
        clause = words.clause(rng)
        parts = [part for part in (0, 1, 2, 4) if clause[part]]
        changes = (rng.sample(parts, 1), rng.sample(parts, 2), parts)
        relatives = [words.exchange(clause, change, rng) for change in changes]
        made.append([_written(one, rng) for one in (clause, *relatives)])
    return made


def _written(clause: Clause, rng: random.Random) -> str:
    subject, verb, thing, preposition, place = clause
    parts = [_with_article(subject, rng), "is", verb]
    if thing:
        parts.append(_with_article(thing, rng))
    if place:
        parts += [preposition, _with_article(place, rng)]
    text = " ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _with_article(noun: str, rng: random.Random) -> str:
    if rng.random() < 1 / 3:
        return f"the {noun}"
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
