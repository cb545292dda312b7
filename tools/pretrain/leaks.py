"""Texts of the evaluation data, none of which may be learnt from."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mtbench.api import UsageError
from tools.pretrain.corpus import clean, sentences

TEXTS = {
    "ids-sst": ("sentence",),
    "ids-cfimdb": ("sentence",),
    "sts": ("sentence1", "sentence2"),
    "quora": ("sentence1", "sentence2"),
}
"""Files of the evaluation data, by the begin of their names, and where their texts stand."""
SPLITS = ("train", "dev", "test-student")

BEGINNING = 60
"""Letters in which two long texts cannot agree by chance."""

_NO_WORD = re.compile(r"[\W_]+")


def key(text: str) -> str:
    """Return the letters and digits of a text, in lower case.

    So two texts match however they are spaced, quoted or tokenised ("does n't", "doesn't").
    """
    return _NO_WORD.sub("", text.lower())


@dataclass
class Filter:
    """Keeps what is not in the evaluation data, and counts what is.

    Attributes:
        forbidden: keys of the texts of the evaluation data and of their sentences.
        beginnings: how the long ones begin: a review may be there shortened or edited.
        documents: documents that were dropped as a whole, and their sentences.
        sentences: further sentences that were dropped.
    """

    forbidden: frozenset[str]
    beginnings: frozenset[str]
    documents: int = 0
    document_sentences: int = 0
    sentences: int = 0

    def document(self, text: str) -> list[str]:
        """Return the sentences of a document that may be learnt from."""
        parts = sentences(text)
        if key(text) in self.forbidden or key(text)[:BEGINNING] in self.beginnings:
            self.documents += 1
            self.document_sentences += len(parts)
            return []
        kept = [part for part in parts if self.allows(part)]
        self.sentences += len(parts) - len(kept)
        return kept

    def allows(self, text: str) -> bool:
        """Tell whether a text is not in the evaluation data."""
        return key(text) not in self.forbidden


def evaluation_filter(folder: Path) -> Filter:
    """Return a filter of everything in the evaluation data, in any split.

    Raises:
        UsageError: if a file is missing or has not the columns of its task.
    """
    keys: set[str] = set()
    beginnings: set[str] = set()
    for name, columns in TEXTS.items():
        for split in SPLITS:
            for text in _texts(folder / f"{name}-{split}.csv", columns):
                whole = clean(text)
                keys.update(key(part) for part in (whole, *sentences(whole)))
                if len(key(whole)) > BEGINNING:
                    beginnings.add(key(whole)[:BEGINNING])
    keys.discard("")
    return Filter(frozenset(keys), frozenset(beginnings))


def _texts(file: Path, columns: Iterable[str]) -> Iterable[str]:
    try:
        stream = file.open(encoding="utf-8", newline="")
    except FileNotFoundError:
        raise UsageError(f"no evaluation data: {file} is not there") from None
    with stream:
        try:
            for row in csv.DictReader(stream, delimiter="\t"):
                for column in columns:
                    if column not in row:
                        raise UsageError(f"{file}: no column {column!r}")
                    yield row[column] or ""
        except (csv.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: no table in UTF-8 ({error})") from None
