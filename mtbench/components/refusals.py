"""Refusals: what components have against a cell, and what they want a reader of it to know."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtbench.components.entries import Entry, calling, label
from mtbench.errors import PluginError
from mtbench.specs import BalancerSpec, Cell, CombinerSpec, EncoderSpec, HeadSpec

WHOLE_CELL = (EncoderSpec, BalancerSpec, CombinerSpec)
"""Specs that look at the cell as a whole; a head's looks at one of its tasks."""

REJECTING = (HeadSpec, *WHOLE_CELL)


def rejection(cell: Cell, entries: Mapping[str, Entry]) -> str | None:
    """Return the first reason that any component has against a cell, or None.

    Args:
        entries: who brings each part of the cell but its tasks.

    Raises:
        PluginError: if a component raises, or answers with something that is no text.
    """
    for part, entry in entries.items():
        spec = entry.spec
        if not isinstance(spec, REJECTING) or spec.rejects is None:
            continue
        with calling(entry, "rejects"):
            if isinstance(spec, HeadSpec):
                reason = spec.rejects(cell, part.removeprefix("heads."))
            else:
                reason = spec.rejects(cell)
        if _text(entry, "rejects", reason) is not None:
            return f"{part} ({spec.name}): {reason}"
    return None


def caveats(cell: Cell, encoder: Entry) -> list[str]:
    """Return what the encoder has a reader of a cell's scores know.

    Raises:
        PluginError: if it raises, or answers with something that is no text.
    """
    spec = encoder.spec
    assert isinstance(spec, EncoderSpec)
    if spec.caveat is None:
        return []
    with calling(encoder, "caveat"):
        said = spec.caveat(cell)
        several = (
            list(said) if isinstance(said, Sequence) and not isinstance(said, str) else [said]
        )
    texts = (_text(encoder, "caveat", text) for text in several)
    return [text for text in texts if text is not None]


def _text(entry: Entry, what: str, answer: Any) -> str | None:
    """Return what a component answered, once it is seen to be a text or None."""
    if answer is None or isinstance(answer, str):
        return answer
    raise PluginError(f"{label(entry)}: {what} returned {answer!r}, neither a text nor None")
