"""HTML: a table of texts for a notebook, with what belongs to it above and below."""

from collections.abc import Mapping, Sequence
from html import escape

from mtbench.rendering.escaping import visible


def section(
    records: Sequence[Mapping[str, str]],
    *,
    alignment: Sequence[str] | None = None,
    above: Sequence[str] = (),
    below: Sequence[str] = (),
) -> str:
    """Return a well-formed ``<div>``; every text is escaped, in the heading too.

    Args:
        records: a row each, with the same keys, which are the heading; without any, no table.
        alignment: of each column, ``"left"`` or ``"right"``; None for left everywhere.
        above: paragraphs; the first is the title.
        below: items of a list.
    """
    from tabulate import tabulate

    title, *more = [*above] or [""]
    parts = [f"<p><strong>{_text(title)}</strong></p>"] if title else []
    parts += [f"<p>{_text(text)}</p>" for text in more]
    if records:
        parts.append(
            tabulate(
                [[visible(text) for text in record.values()] for record in records],
                headers=[visible(name) for name in records[0]],
                tablefmt="html",
                disable_numparse=True,
                colalign=alignment or ["left"] * len(records[0]),
            )
        )
    if below:
        items = "".join(f"<li>{_text(text)}</li>" for text in below)
        parts.append(f"<ul>{items}</ul>")
    return "<div>" + "\n".join(parts) + "</div>"


def _text(text: str) -> str:
    return escape(visible(text))
