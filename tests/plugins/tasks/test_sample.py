import re

import pytest

from mtbench.api import Examples
from mtbench.data import fingerprint, load
from mtbench.protocols import SPLITS
from mtbench_builtins.tasks.sample import SamplePD, SampleSST, SampleSTS, SampleTask
from mtbench_builtins.tasks.sample_parameters import (
    SamplePDParameters,
    SampleSSTParameters,
    SampleSTSParameters,
)

TASKS: list[SampleTask] = [
    SampleSST(SampleSSTParameters()),
    SamplePD(SamplePDParameters()),
    SampleSTS(SampleSTSParameters()),
]

every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def splits(task: SampleTask) -> dict[str, Examples]:
    return {split: load(task, split, None, with_labels=True) for split in SPLITS}


@every_task
def test_sizes_ids_and_no_example_twice_in_any_split_or_order(task: SampleTask) -> None:
    found = splits(task)

    train = {"sample-sst": 640, "sample-pd": 1200, "sample-sts": 480}[task.name]
    assert {split: len(examples) for split, examples in found.items()} == {
        "train": train,
        "dev": 300,
        "test": 300,
    }
    assert found["train"].ids[12] == f"{task.name}-train-00012"
    assert len({id_ for examples in found.values() for id_ in examples.ids}) == train + 600
    texts = {tuple(sorted(each)) for examples in found.values() for each in examples.texts}
    assert len(texts) == train + 600


@every_task
def test_the_data_are_pinned(task: SampleTask) -> None:
    """The first command's table rests on them; they are the same in every Python."""
    found = [fingerprint(examples)[:12] for examples in splits(task).values()]

    assert found == PINNED[task.name]


PINNED = {
    "sample-sst": ["652ed6532468", "50ac39c3b329", "eb1af2ba2774"],
    "sample-pd": ["1d6954622afc", "75ee0628a8f2", "bd0d9611f753"],
    "sample-sts": ["e8ddb871cac9", "b3503fe64fbe", "25185e617e76"],
}


@every_task
def test_a_split_begins_the_same_whatever_its_size(task: SampleTask) -> None:
    small = type(task)(SampleSSTParameters(train=20, dev=5, test=400))

    for split, size in (("train", 20), ("dev", 5)):
        whole = task.load(split, None)
        assert whole.labels is not None
        assert small.load(split, None) == Examples(
            whole.ids[:size], whole.texts[:size], whole.labels[:size]
        )


@every_task
def test_sentences_are_lower_case_words_and_marks_parted_by_blanks(task: SampleTask) -> None:
    sentences = [
        text for examples in splits(task).values() for texts in examples.texts for text in texts
    ]

    assert all(re.fullmatch(r"(([a-z]+|,) )+\.", text) for text in sentences)
    assert not any(re.search(r"\ba [aeiou]|\ban [^aeiou]", text) for text in sentences)


# --- what can be learnt -----------------------------------------------------------------------


def test_sentiment_can_be_learnt_from_the_words() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    found = splits(TASKS[0])
    train, dev = found["train"], found["dev"]
    words = CountVectorizer(token_pattern=r"\S+")
    model = LogisticRegression(max_iter=1000)
    model.fit(words.fit_transform([text for (text,) in train.texts]), train.labels)

    score = model.score(words.transform([text for (text,) in dev.texts]), dev.labels)

    assert dev.labels is not None
    majority = max(dev.labels.count(grade) for grade in range(5)) / len(dev)
    assert majority < 0.35
    assert 0.65 < score < 0.95


def features(examples: Examples) -> list[dict[str, int]]:
    """For each pair the words that both sentences have, and those that one has."""
    rows = []
    for texts in examples.texts:
        first, second = (set(text.split()) for text in texts)
        rows.append(
            {f"both {word}": 1 for word in first & second}
            | {f"one {word}": 1 for word in first ^ second}
        )
    return rows


def test_paraphrases_can_be_learnt_from_the_words_but_not_by_counting_them() -> None:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    found = splits(TASKS[1])
    train, dev = found["train"], found["dev"]
    words = DictVectorizer()
    model = LogisticRegression(max_iter=1000)
    model.fit(words.fit_transform(features(train)), train.labels)

    score = model.score(words.transform(features(dev)), dev.labels)

    def overlaps(examples: Examples) -> list[list[float]]:
        shared = [sum(name.startswith("both") for name in row) for row in features(examples)]
        return [[count] for count in shared]

    counting = LogisticRegression().fit(overlaps(train), train.labels)
    counted = counting.score(overlaps(dev), dev.labels)

    assert dev.labels is not None
    assert 0.3 < sum(dev.labels) / len(dev) < 0.45
    assert counted < score - 0.03
    assert 0.72 < score < 0.95


def test_similarity_can_be_learnt_from_the_words() -> None:
    from scipy.stats import pearsonr
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import Ridge

    found = splits(TASKS[2])
    train, dev = found["train"], found["dev"]
    words = DictVectorizer()
    model = Ridge(alpha=5).fit(words.fit_transform(features(train)), train.labels)

    score = pearsonr(model.predict(words.transform(features(dev))), dev.labels).statistic

    assert 0.7 < score < 0.95
