"""HTML: a document for a notebook."""

from html import escape

from mtbench.rendering.document import Document, Lines, Table
from mtbench.rendering.escaping import visible


def render(document: Document) -> str:
    """Return a well-formed ``<div>`` of tables and lists; every text in it is escaped."""
    blocks = [_heading(document.title)]
    for part in document.shown:
        blocks.append(_heading(part.title))
        blocks.append(part.tabulated("html", visible) if isinstance(part, Table) else _list(part))
    return "<div>" + "\n".join(filter(None, blocks)) + "</div>"


def _heading(text: str) -> str:
    return f"<p><strong>{_text(text)}</strong></p>" if text else ""


def _list(part: Lines) -> str:
    items = []
    for first, *further in part.items:
        inner = "".join(f"<li>{_text(text)}</li>" for text in further)
        items.append(f"<li>{_text(first)}" + (f"<ul>{inner}</ul>" if inner else "") + "</li>")
    return f"<ul>{''.join(items)}</ul>"


def _text(text: str) -> str:
    return escape(visible(text))
