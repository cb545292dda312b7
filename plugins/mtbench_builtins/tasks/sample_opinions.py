"""Opinions: sentences about a film with a sentiment from 0 to 4, from a small grammar."""

import math
import random

from mtbench_builtins.tasks.sample_words import (
    AMPLIFIERS,
    ASPECTS,
    DAMPENERS,
    JUDGEMENTS,
    LINKS,
    VERDICTS,
    article,
    pick,
)

SHARES = (0.15, 0.25, 0.20, 0.25, 0.15)
"""How often each grade occurs; the middle ones more often, as in SST."""

NOISE = 0.03
"""How often a label is one grade off, as a human's would be."""


def opinion(rng: random.Random) -> tuple[str, float]:
    """Return a sentence and its sentiment, 0 (worst) to 4 (best)."""
    grade = _grade(rng)
    text, value = _sentence(rng)
    while math.floor(value + 0.5) + 2 != grade:
        text, value = _sentence(rng)
    if rng.random() < NOISE:
        grade += 1 if grade == 0 or (grade < 4 and rng.random() < 0.5) else -1
    return text, float(grade)


def _grade(rng: random.Random) -> int:
    """Draw a grade by its share."""
    draw = rng.random()
    for grade, share in enumerate(SHARES[:-1]):
        if draw < share:
            return grade
        draw -= share
    return len(SHARES) - 1


def _sentence(rng: random.Random) -> tuple[str, float]:
    """Return one clause, or two that agree or contrast, and its value from -2 to 2."""
    text, value = _clause(rng)
    if rng.random() < 0.6:
        return f"{text} .", value
    other, other_value = _clause(rng)
    if value * other_value >= 0:
        return f"{text} and {other} .", (value + other_value) / 2
    # What comes after the turn weighs double.
    if rng.random() < 0.5:
        return f"{text} but {other} .", (value + 2 * other_value) / 3
    return f"although {text} , {other} .", (value + 2 * other_value) / 3


def _clause(rng: random.Random) -> tuple[str, float]:
    """Return a clause about one aspect, and its value from -2 to 2."""
    aspect = pick(rng, pick(rng, ASPECTS))
    form = rng.random()
    if form < 0.25:
        grade = int(rng.random() * 5)
        return f"i {pick(rng, VERDICTS[grade])} the {aspect}", grade - 2
    negation, adjective, value = _judgement(rng)
    if form < 0.45:
        subject = pick(rng, ("this", "it"))
        return f"{subject} is {negation}{article(adjective)} {adjective} {aspect}", value
    return f"the {aspect} {pick(rng, LINKS)} {negation}{adjective}", value


def _judgement(rng: random.Random) -> tuple[str, str, float]:
    """Return a negation or nothing, an adjective with its modifier, and a value from -2 to 2."""
    grade = int(rng.random() * 5)
    word, value = pick(rng, JUDGEMENTS[grade]), grade - 2
    sign = (value > 0) - (value < 0)
    form = rng.random()
    if form < 0.6 or not sign:
        return "", word, value
    if form < 0.75:
        return "", f"{pick(rng, AMPLIFIERS)} {word}", 2 * sign
    if form < 0.9:
        return "", f"{pick(rng, DAMPENERS)} {word}", sign
    return "not ", word, -sign
