"""Text of the corpus: documents, cleaned, and cut into sentences."""

import html
import lzma
import re
from collections.abc import Iterator
from pathlib import Path

from mtbench.api import UsageError

WIKIPEDIA = "wiki-en.txt.xz"
"""Articles, a paragraph a line, a blank line between two articles."""
REVIEWS = "imdb-unsup.txt.xz"
"""Film reviews, one a line."""

_TAG = re.compile(r"<[^<>]{1,40}>")
_HOLLOW = re.compile(r"\(\s*[;,\s]*\s*\)")
"""Brackets whose content the extraction of Wikipedia left out."""
_OPENED = re.compile(r"\(\s*[;,]+\s*")
_SPACE = re.compile(r"\s+")
_END = re.compile(r"(?<=[.!?])[\"')]?\s+(?=[\"'(]?[A-Z0-9])")
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|No|Lt|Gen|Col|etc)\.)$")


def articles(corpus: Path) -> Iterator[str]:
    """Yield the articles of Wikipedia, cleaned.

    Raises:
        UsageError: if the file is missing or no whole xz.
    """
    lines: list[str] = []
    for line in _lines(corpus / WIKIPEDIA):
        if line.strip():
            lines.append(line)
        elif lines:
            yield clean(" ".join(lines))
            lines = []
    if lines:
        yield clean(" ".join(lines))


def reviews(corpus: Path) -> Iterator[str]:
    """Yield the film reviews, cleaned.

    Raises:
        UsageError: if the file is missing or no whole xz.
    """
    for line in _lines(corpus / REVIEWS):
        if line.strip():
            yield clean(line)


def clean(text: str) -> str:
    """Return the text without mark-up, hollow brackets and runs of spaces."""
    text = _TAG.sub(" ", html.unescape(text))
    text = _OPENED.sub("(", _HOLLOW.sub(" ", text))
    return _SPACE.sub(" ", text).replace(" ,", ",").replace(" .", ".").strip()


def sentences(document: str) -> list[str]:
    """Cut a document at the ends of its sentences; an abbreviation ends none."""
    found: list[str] = []
    for part in _END.split(document):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {part}"
        elif part:
            found.append(part)
    return found


def _lines(file: Path) -> Iterator[str]:
    try:
        with lzma.open(file, "rt", encoding="utf-8", errors="replace") as stream:
            yield from stream
    except FileNotFoundError:
        raise UsageError(f"no corpus: {file} is not there") from None
    except (lzma.LZMAError, EOFError) as error:  # the second where its end is missing
        raise UsageError(f"{file}: no whole xz ({error})") from None
