"""Rendering: documents, and the forms in which people and programs read them."""

from collections.abc import Callable, Mapping

from mtbench.errors import unknown
from mtbench.rendering import csv, html, json, latex, markdown, text
from mtbench.rendering.document import Document

FORMS: Mapping[str, Callable[[Document], str]] = {
    "text": text.render,
    "markdown": markdown.render,
    "latex": latex.render,
    "html": html.render,
    "csv": csv.render,
    "json": json.render,
}


def render(
    document: Document, form: str = "text", *, width: int | None = None, colour: bool = False
) -> str:
    """Return a document in a form.

    Args:
        form: one of ``FORMS``.
        width, colour: of the text; the other forms have neither. See ``text.render``.

    Raises:
        UsageError: if there is no such form.
    """
    if form not in tuple(FORMS):  # a list cannot be looked up
        raise unknown("format", str(form), FORMS)
    if form == "text":
        return text.render(document, width=width, colour=colour)
    return FORMS[form](document)
