"""Reasons why a head does not fit a task; without torch, because plans ask for them."""

from mtbench.api import Cell


def without_two_embeddings(cell: Cell, task: str) -> str | None:
    """Refuse what is no pair with one embedding a sentence: there is nothing to compare."""
    if cell.tasks[task].sentences != 2:
        return f"it compares two sentences, and {task} has one"
    if cell.heads[task].parameters["pair"] != "separate":
        return 'it compares the embeddings of two sentences: pair = "separate"'
    return None


def of_scaled_linear(cell: Cell, task: str) -> str | None:
    """Refuse tasks that are no score: there is no range to scale to."""
    if cell.tasks[task].score_range is None:
        return f"it predicts a score, and {task} has classes"
    return None


def of_cosine(cell: Cell, task: str) -> str | None:
    """Refuse what is no score of a pair with one embedding a sentence."""
    info = cell.tasks[task]
    if info.sentences != 2:
        return f"a cosine needs two sentences, and {task} has one"
    if info.score_range is None:
        return f"it predicts a score, and {task} has classes"
    if cell.heads[task].parameters["pair"] != "separate":
        return 'a cosine needs an embedding a sentence: pair = "separate"'
    return None


def of_relu_cosine(cell: Cell, task: str) -> str | None:
    """Refuse what ``cosine`` refuses, and scores whose range does not start at 0."""
    reason = of_cosine(cell, task)
    score_range = cell.tasks[task].score_range
    if reason is None and score_range is not None and score_range[0] != 0:
        return f"it predicts 0 or more, and the lowest score of {task} is {score_range[0]:g}"
    return reason
