import random
from collections import Counter
from itertools import pairwise

import pytest

from mtbench.api import UsageError
from tools.pretrain.clauses import PREPOSITIONS, Words, clause_families
from tools.pretrain.settings import Clauses

SUBJECTS = ("woman", "pilot", "engineer")
NOUNS = ("lemon", "rifle", "apple", "river")
VERBS = ("cutting", "painting", "holding")
SENTENCES = [
    f"The {subject} is {verb} a {noun} ."
    for subject in SUBJECTS
    for verb in VERBS
    for noun in NOUNS
]
SETTINGS = Clauses(count=200, frame_words=3, fewest=2)  # the, is, a


def made(seed: int = 0) -> list[list[str]]:
    return clause_families(SENTENCES, SETTINGS, random.Random(seed))


def content(clause: str) -> list[str]:
    """Return the words of a clause but for articles."""
    return [word for word in clause.rstrip(".").lower().split() if word not in ("a", "an", "the")]


def test_a_clause_says_who_does_what() -> None:
    for clause in (member for family in made() for member in family):
        assert clause[0].isupper()
        assert clause.endswith(".")
        subject, be, verb, *rest = content(clause)
        assert (subject in SUBJECTS, be, verb in VERBS) == (True, "is", True)
        assert len(rest) in (0, 1, 2, 3)
        assert {*rest} <= {*NOUNS, *SUBJECTS, *PREPOSITIONS}


def test_relatives_share_ever_less() -> None:
    changed = Counter()
    for first, *relatives in made():
        for which, relative in enumerate(relatives):
            assert len(content(relative)) == len(content(first))
            pairs = zip(content(first), content(relative), strict=True)
            differences = sum(one != other for one, other in pairs)
            assert differences <= (1, 2, 4)[which]
            changed[which] += differences
    assert 0 < changed[0] < changed[1] < changed[2]


def test_an_article_fits_its_noun() -> None:
    for clause in (member for family in made() for member in family):
        words = clause.rstrip(".").lower().split()
        for article, noun in pairwise(words):
            if article in ("a", "an"):
                assert (article == "an") == (noun[0] in "aeiou")


def test_chance_comes_from_the_seed_alone() -> None:
    assert made(seed=1) == made(seed=1)
    assert made(seed=1) != made(seed=2)


def test_words_are_told_by_their_neighbours() -> None:
    words = Words(
        ["The woman is cutting a lemon.", "The spring is Running.", "It rains in the Alps."] * 2,
        frame_words=3,  # the, is, a by number, then by the alphabet
        fewest=2,
    )
    rng = random.Random(0)
    parts = list(zip(*(words.clause(rng) for _ in range(200)), strict=True))
    subjects, verbs, things, prepositions, places = (set(part) for part in parts)
    assert subjects == {"woman", "spring"}
    assert verbs == {"cutting"}
    assert things == places == {"", "woman", "spring", "lemon"}
    assert prepositions == {"", *PREPOSITIONS}


def test_rare_words_are_left_out() -> None:
    words = Words([*SENTENCES, "The wizard is brewing a potion."], frame_words=3, fewest=2)
    rng = random.Random(0)
    drawn = {word for _ in range(500) for word in words.clause(rng)}
    assert drawn & {"wizard", "brewing", "potion"} == set()


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("It rains.", "subjects"),
        ("The woman is old.", "verbs"),
    ],
)
def test_a_corpus_without_a_kind_of_word(sentence: str, kind: str) -> None:
    with pytest.raises(UsageError) as refused:
        clause_families([sentence] * 9, SETTINGS, random.Random(0))
    assert str(refused.value) == (
        f"no clauses: the corpus has no {kind} that are seen 2 times; "
        "lower clauses.fewest, or make none with clauses.count = 0"
    )


def test_no_clauses_need_no_words() -> None:
    none = SETTINGS.model_copy(update={"count": 0})
    assert clause_families(["It rains."], none, random.Random(0)) == []
