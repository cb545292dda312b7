from collections.abc import Callable

import pytest

from mtbench.api import Cell
from mtbench_builtins.heads import mtbench_heads

HEADS = {spec.name: spec for spec in mtbench_heads()}


def reason(cell: Callable[..., Cell], head: str, task: str, pair: str) -> str | None:
    rejects = HEADS[head].rejects
    return rejects(cell(task, head, pair), task) if rejects else None


@pytest.mark.parametrize(
    ("head", "task", "pair", "expected"),
    [
        ("scaled-linear", "classes", "separate", "it predicts a score, and classes has classes"),
        ("cosine", "classes", "separate", "a cosine needs two sentences, and classes has one"),
        ("cosine", "score", "separate", "a cosine needs two sentences, and score has one"),
        (
            "cosine",
            "pair-classes",
            "separate",
            "it predicts a score, and pair-classes has classes",
        ),
        (
            "cosine",
            "pair-score",
            "joined",
            'a cosine needs an embedding a sentence: pair = "separ',
        ),
        ("relu-cosine", "score", "separate", "a cosine needs two sentences"),
        ("relu-cosine", "pair-score", "joined", "a cosine needs an embedding a sentence"),
        (
            "relu-cosine",
            "pair-score-from-1",
            "separate",
            "it predicts 0 or more, and the lowest score of pair-score-from-1 is 1",
        ),
        ("abs-diff", "classes", "separate", "it compares two sentences, and classes has one"),
        ("abs-diff", "pair-classes", "joined", "it compares the embeddings of two sentences: pa"),
        ("bilinear", "score", "separate", "it compares two sentences, and score has one"),
        ("bilinear", "pair-score", "joined", "it compares the embeddings of two sentences: pair"),
    ],
)
def test_a_head_that_does_not_fit_says_why(
    cell: Callable[..., Cell], head: str, task: str, pair: str, expected: str
) -> None:
    said = reason(cell, head, task, pair)
    assert said is not None
    assert said.startswith(expected)


@pytest.mark.parametrize(
    ("head", "task", "pair"),
    [
        ("linear", "classes", "separate"),
        ("linear", "pair-score-from-1", "joined"),
        ("scaled-linear", "score", "separate"),
        ("scaled-linear", "pair-score", "joined"),
        ("cosine", "pair-score-from-1", "separate"),
        ("relu-cosine", "pair-score", "separate"),
        ("abs-diff", "pair-classes", "separate"),
        ("abs-diff", "pair-score-from-1", "separate"),
        ("bilinear", "pair-classes", "separate"),
        ("bilinear", "pair-score", "separate"),
        ("mlp", "classes", "separate"),
        ("mlp", "pair-score", "joined"),
    ],
)
def test_a_head_that_fits_is_taken(
    cell: Callable[..., Cell], head: str, task: str, pair: str
) -> None:
    assert reason(cell, head, task, pair) is None
