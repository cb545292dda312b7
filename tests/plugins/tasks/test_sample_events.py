from collections import Counter

import pytest

from mtbench.api import stream
from mtbench_builtins.tasks.sample_events import PAST, SLOTS, WEIGHTS, paraphrase, similarity

MEANING = {
    word: groups[i][0] for groups in SLOTS for i in range(len(groups)) for word in groups[i]
}
MEANING |= {past: MEANING[participle] for participle, past in PAST.items()}


def event(text: str) -> list[str]:
    """The meaning of a sentence: one word for each slot, in the order of the slots."""
    said = {MEANING[word] for word in text.split() if word in MEANING}
    return [word for groups in SLOTS for group in groups if (word := group[0]) in said]


def test_no_word_has_two_meanings() -> None:
    words = Counter(word for groups in SLOTS for group in groups for word in group)

    assert [word for word, count in words.items() if count > 1] == []
    assert set(PAST).isdisjoint(PAST.values())


def test_a_paraphrase_tells_the_same_event_in_other_words() -> None:
    rng = stream(1, "test")

    for _ in range(500):
        (first, second), label = paraphrase(rng)
        changed = sum(a != b for a, b in zip(event(first), event(second), strict=True))
        assert first != second
        assert changed == 0 if label == 1 else changed in (1, 2)


def test_share_of_paraphrases() -> None:
    """0.4 of 2000; three standard deviations are 0.033."""
    rng = stream(2, "test")

    assert sum(paraphrase(rng)[1] for _ in range(2000)) / 2000 == pytest.approx(0.4, abs=0.033)


def test_similarity_is_the_weight_of_what_is_equal() -> None:
    rng = stream(3, "test")

    for _ in range(500):
        (first, second), score = similarity(rng)
        pairs = zip(event(first), event(second), WEIGHTS, strict=True)
        exact = 5 * sum(weight for a, b, weight in pairs if a == b) / sum(WEIGHTS)
        assert abs(score - exact) <= 0.5 + 1e-9  # noise 0.4, rounding 0.1
        assert score == round(score * 5) / 5
        assert 0 <= score <= 5


def test_all_grades_of_similarity_occur() -> None:
    rng = stream(4, "test")

    assert {similarity(rng)[1] for _ in range(2000)} == {step / 5 for step in range(26)}
