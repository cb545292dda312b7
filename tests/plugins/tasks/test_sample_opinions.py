from collections import Counter

import pytest

from mtbench.api import stream
from mtbench_builtins.tasks import sample_opinions
from mtbench_builtins.tasks.sample_opinions import SHARES, opinion
from mtbench_builtins.tasks.sample_words import AMPLIFIERS, DAMPENERS, JUDGEMENTS, VERDICTS

GRADE = {word: i for groups in (JUDGEMENTS, VERDICTS) for i in range(5) for word in groups[i]}


def clause_value(clause: str) -> int:
    """Read a clause as its grammar means it: -2 to 2."""
    words = clause.split()
    (value,) = (GRADE[word] - 2 for word in words if word in GRADE)
    sign = (value > 0) - (value < 0)
    if "not" in words:
        return -sign
    if any(word in AMPLIFIERS for word in words):
        return 2 * sign
    if any(word in DAMPENERS for word in words):
        return sign
    return value


def grade(text: str) -> int:
    """Read a sentence: its sentiment, 0 to 4."""
    body = text.removesuffix(" .")
    for part, weights in ((" and ", (1, 1)), (" but ", (1, 2)), (" , ", (1, 2))):
        if part in body:
            first, second = map(clause_value, body.split(part))
            value = (weights[0] * first + weights[1] * second) / sum(weights)
            return int((value + 2.5) // 1)
    return clause_value(body) + 2


def test_no_word_has_two_grades() -> None:
    assert len(GRADE) == sum(len(group) for groups in (JUDGEMENTS, VERDICTS) for group in groups)


def test_labels_are_what_the_sentence_says_or_one_grade_off() -> None:
    rng = stream(1, "test")
    distances = Counter(abs(label - grade(text)) for text, label in map(opinion, [rng] * 2000))

    assert set(distances) == {0, 1}
    assert distances[1] / 2000 == pytest.approx(sample_opinions.NOISE, abs=0.012)


def test_shares_of_the_grades() -> None:
    """Of 4000 sentences; three standard deviations and what the noise shifts."""
    rng = stream(2, "test")
    counts = Counter(opinion(rng)[1] for _ in range(4000))

    for label, share in enumerate(SHARES):
        assert counts[label] / 4000 == pytest.approx(share, abs=0.025)


@pytest.mark.parametrize(
    "pattern", [" but ", "although ", " and ", " not ", "it is a", "this is a", "i "]
)
def test_every_form_occurs(pattern: str) -> None:
    rng = stream(3, "test")

    assert any(pattern in f" {opinion(rng)[0]}" for _ in range(300))
