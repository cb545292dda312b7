"""JSON: a document's value, for programs."""

import json
from typing import Any

from mtbench.rendering.document import Document
from mtbench.rendering.escaping import HIDDEN


def render(document: Document) -> str:
    """Return a document's value as JSON, or its records where it has none."""
    return json_text(document.records() if document.value is None else document.value())


def json_text(value: Any) -> str:
    """Return a value as JSON, indented; what is ``HIDDEN`` in its texts is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    lines = text.split("\n")  # those of the indentation: JSON escapes line breaks in texts
    return "\n".join(HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], line) for line in lines)
