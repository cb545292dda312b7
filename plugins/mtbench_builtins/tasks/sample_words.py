"""Words of the sample tasks' sentences, grouped by grade and by meaning."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

Group = tuple[str, ...]
"""Words of one meaning: each may stand for any other."""


def _groups(text: str) -> tuple[Group, ...]:
    """Read one group a line, its words parted by blanks."""
    return tuple(tuple(line.split()) for line in text.strip().splitlines())


# --- opinions about a film ------------------------------------------------------------------

JUDGEMENTS = _groups("""
    awful terrible dreadful horrible atrocious
    dull weak clumsy tedious bland
    ordinary average passable routine conventional
    good charming pleasant clever enjoyable
    brilliant superb wonderful stunning magnificent
""")
"""Adjectives a grade, from the worst to the best."""

VERDICTS = _groups("""
    hated detested
    disliked regretted
    finished watched
    liked enjoyed
    loved adored
""")
"""Verbs a grade, in the same order."""

ASPECTS = _groups("""
    film movie
    plot story
    script screenplay
    acting cast
    dialogue humour
    music soundtrack
    ending finale
    pacing editing
""")
"""What an opinion is about."""

AMPLIFIERS: Group = ("very", "truly", "utterly", "really")
DAMPENERS: Group = ("slightly", "somewhat", "rather", "fairly")
LINKS: Group = ("is", "seems", "feels", "remains")

# --- things that happened -------------------------------------------------------------------

AGENTS = _groups("""
    man fellow
    woman lady
    child kid youngster
    doctor physician
    teacher instructor
    lawyer attorney
    thief robber
    dog hound
    cook chef
    sailor seaman
    farmer
    king monarch
""")

TRAITS = _groups("""
    old aged elderly
    young youthful
    rich wealthy
    happy cheerful joyful
    angry furious
    brave fearless
    tired weary
    clever smart
""")
"""Adjectives of an agent."""

ACTIONS = _groups("""
    bought purchased
    repaired fixed mended
    found discovered
    lost misplaced
    cleaned washed
    carried hauled
    built constructed
    broken smashed shattered
    sold
    hidden concealed
    tossed hurled
    sketched painted
""")
"""Past participles; the past tense of the irregular ones is in ``PAST``."""

PAST = {"broken": "broke", "hidden": "hid"}

QUALITIES = _groups("""
    big large huge
    small little tiny
    red crimson scarlet
    blue
    new modern
    pretty beautiful lovely
    heavy weighty
    cheap inexpensive
""")
"""Adjectives of a thing."""

THINGS = _groups("""
    car automobile
    bicycle bike
    stone rock
    boat ship vessel
    picture photo image
    box crate container
    bag sack
    couch sofa
    cup mug
    coat jacket
    rug carpet
    lamp
    letter note
    present gift
""")

PLACES = _groups("""
    street road
    garden yard
    forest woods
    town city
    shop store
    river stream
    sea ocean
    castle fortress
    hotel inn
    school
""")

TIMES = _groups("""
    yesterday
    recently lately
    eventually finally
    often frequently
    quickly rapidly swiftly
    quietly silently
""")


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """Return one of the items, each equally likely; only ``rng.random()`` is drawn from.

    Python promises the numbers of ``random()`` alone to stay the same in every version.
    """
    return items[int(rng.random() * len(items))]


def article(word: str) -> str:
    """Return the indefinite article that goes before a word."""
    return "an" if word[0] in "aeiou" else "a"
