"""Events: what somebody did with a thing, told in many ways, in pairs that mean the same or not.

An event is one group of ``SLOTS`` a slot. Told twice, it takes other synonyms and another order
of words; another event differs from it in known slots.
"""

import random

from mtbench_builtins.tasks.sample_words import (
    ACTIONS,
    AGENTS,
    PAST,
    PLACES,
    QUALITIES,
    THINGS,
    TIMES,
    TRAITS,
    Group,
    article,
    pick,
)

Event = tuple[int, ...]
"""Index of a group a slot."""

SLOTS = (TRAITS, AGENTS, ACTIONS, QUALITIES, THINGS, PLACES, TIMES)

WEIGHTS = (1.0, 3.0, 3.0, 1.0, 3.0, 2.0, 1.0)
"""How much of the meaning each slot carries."""

POSITIVE = 0.4
"""Share of paraphrases, about that of Quora."""

USUAL = 0.75
"""How often the first word of a group is taken: words are not equally frequent in English, and
with equal ones too little could be learnt from a thousand pairs."""


def paraphrase(rng: random.Random) -> tuple[tuple[str, str], float]:
    """Return a pair of sentences, and 1 if they tell the same event; else 0.

    A pair of 0 differs in one slot or two.
    """
    first = _event(rng)
    if rng.random() < POSITIVE:
        text = other = _tell(rng, first)
        while other == text:
            other = _tell(rng, first)
        return (text, other), 1.0
    second = _changed(rng, first, 2 if rng.random() < 0.75 else 1)
    return (_tell(rng, first), _tell(rng, second)), 0.0


def similarity(rng: random.Random) -> tuple[tuple[str, str], float]:
    """Return a pair of sentences, and how much they mean the same, 0 to 5 in steps of 0.2.

    It is 5 times the weight of the slots that are equal, with noise of at most 0.4.
    """
    first = _event(rng)
    second = _changed(rng, first, int(rng.random() * (len(SLOTS) + 1)))
    equal = (w for a, b, w in zip(first, second, WEIGHTS, strict=True) if a == b)
    score = 5 * sum(equal) / sum(WEIGHTS) + 0.4 * (rng.random() - rng.random())
    return (_tell(rng, first), _tell(rng, second)), round(5 * min(max(score, 0.0), 5.0)) / 5


def _event(rng: random.Random) -> Event:
    """Draw an event."""
    return tuple(int(rng.random() * len(groups)) for groups in SLOTS)


def _changed(rng: random.Random, event: Event, count: int) -> Event:
    """Return an event that differs in ``count`` slots."""
    keys = [rng.random() for _ in SLOTS]
    chosen = sorted(range(len(SLOTS)), key=keys.__getitem__)[:count]
    slots = list(event)
    for slot in chosen:
        groups = len(SLOTS[slot])
        slots[slot] = (slots[slot] + 1 + int(rng.random() * (groups - 1))) % groups
    return tuple(slots)


def _tell(rng: random.Random, event: Event) -> str:
    """Return a sentence: active or passive, the time in front or at the end."""
    trait, agent, action, quality, thing, place, time = (
        _word(rng, groups[index]) for groups, index in zip(SLOTS, event, strict=True)
    )
    who, what = f"the {trait} {agent}", f"{article(quality)} {quality} {thing}"
    if rng.random() < 0.6:
        text = f"{who} {PAST.get(action, action)} {what} near the {place}"
    else:
        text = f"{what} was {action} by {who} near the {place}"
    return f"{time} , {text} ." if rng.random() < 0.4 else f"{text} {time} ."


def _word(rng: random.Random, group: Group) -> str:
    """Return a word of the group, more often the first."""
    if len(group) == 1 or rng.random() < USUAL:
        return group[0]
    return pick(rng, group[1:])
