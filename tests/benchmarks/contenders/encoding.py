"""Predictions for the pairs of a dev set, by mtbench and by sentence-transformers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from contenders.padding import pad
from contenders.work import Source, TaskData
from mtbench.model.batching import length_ordered_batches
from mtbench.protocols import Examples
from mtbench.runs.runner import Run
from mtbench.training.evaluation import BATCH_TOKENS, predict
from mtbench.training.examples import TokenisedExamples

TASK = "sts"

OURS, OURS_TEXT = "mtbench-tokenised", "mtbench-text"
THEIRS_TEXT, THEIRS = "sentence-transformers-text", "sentence-transformers-tokenised"
TITLES = {
    OURS: "mtbench predict, from token ids",
    OURS_TEXT: "mtbench tokenise and predict",
    THEIRS: "sentence-transformers forward, from token ids, batches as mtbench cuts them",
    THEIRS_TEXT: "sentence-transformers encode, from text, its own batches of 32",
}
NEEDS = dict.fromkeys((THEIRS, THEIRS_TEXT), "sentence_transformers")

Predict = Callable[[], list[float]]


def ours(run: Run, examples: Examples) -> dict[str, Predict]:
    """Return mtbench's two ways to the predictions of a relu-cosine head."""
    model = run.assembled.model
    uncached = replace(run, cache=None)  # else the tokens of the first round would come back
    tokenised: TokenisedExamples = run.tokenised(TASK, examples)
    return {
        OURS: lambda: predict(model, TASK, tokenised),
        OURS_TEXT: lambda: predict(model, TASK, uncached.tokenised(TASK, examples)),
    }


def theirs(source: Source, examples: Examples, plain: TaskData, top: float) -> dict[str, Predict]:
    """Return the two ways of sentence-transformers to the same numbers."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(source.checkpoint), device="cpu").eval()
    texts = [text for column in zip(*examples.texts, strict=True) for text in column]

    def encode() -> list[float]:
        embeddings = model.encode(texts, convert_to_tensor=True, show_progress_bar=False)
        return similarities(*embeddings.split(len(examples)), top)

    return {THEIRS_TEXT: encode, THEIRS: lambda: forward(model, plain, top)}


@torch.inference_mode()
def forward(model: Any, plain: TaskData, top: float) -> list[float]:
    """Encode padded batches, the shortest pairs first, of as many tokens as mtbench takes."""
    pairs = zip(*plain.columns, strict=True)
    lengths = [sum(map(len, pair)) for pair in pairs]
    result = torch.empty(len(lengths))
    for indices in length_ordered_batches(lengths, BATCH_TOKENS):
        columns, _ = plain.take(indices)
        ids, mask = pad([sequence for column in columns for sequence in column])
        encoded = model({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]
        u, v = encoded.split(len(indices))
        result[indices] = torch.tensor(similarities(u, v, top))
    return result.tolist()


def similarities(u: Tensor, v: Tensor, top: float) -> list[float]:
    """Return what a relu-cosine head makes of embeddings, both [B, d]."""
    values: list[float] = (top * F.cosine_similarity(u, v).relu()).tolist()
    return values


def tokens(columns: Sequence[Sequence[Sequence[int]]]) -> int:
    """Return the real tokens of columns of sequences."""
    return sum(len(sequence) for column in columns for sequence in column)
