"""Data report: what a run tells of its data, in its log and in its result."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mtbench.data import shared_texts
from mtbench.data.token_column import TokenColumn
from mtbench.data.tokenisation import TextCounts, counts
from mtbench.protocols import Examples, Split

KINDS: Mapping[str, str] = {
    "cut": "cut to the longest sequence that the encoder takes",
    "empty": "with a text that tokenises to nothing",
    "shared": "with texts that are in train as well",
}
"""What ``TextCounts`` counts, as it is said of examples."""


def report(
    splits: Mapping[str, Mapping[Split, Examples]],
    tokenised: Mapping[str, Mapping[Split, Sequence[TokenColumn]]],
) -> dict[str, Any]:
    """Write into the log what is odd about a run's data, and return its numbers for the result.

    Args:
        splits: of each task, as they were read.
        tokenised: what the run takes of them, as token ids; of train that may be a share.

    Returns:
        ``left_out``, the rows that could not be read, and ``texts``, the ``TextCounts``, each by
        task and split. Texts that dev shares with train are those of all of train.
    """
    texts: dict[str, dict[str, Any]] = {}
    for task, of_task in splits.items():
        texts[task] = {}
        for split, examples in of_task.items():
            for row in examples.bad_rows:
                sys.stderr.write(f"left out of {task} {split}: {row}\n")
            shared = None if split == "train" else shared_texts(examples, of_task["train"])
            counted = counts(tokenised[task][split], shared=shared)
            for line in lines(counted):
                sys.stderr.write(f"{task} {split}: {line}\n")
            texts[task][split] = asdict(counted)
    left_out = {
        task: {split: len(examples.bad_rows) for split, examples in of_task.items()}
        for task, of_task in splits.items()
    }
    return {"left_out": left_out, "texts": texts}


def lines(counted: TextCounts) -> Iterator[str]:
    """Yield a line for each kind of text that a split has."""
    for kind, said in KINDS.items():
        if number := getattr(counted, kind):
            yield f"{number:,} of {counted.examples:,} examples {said}"
