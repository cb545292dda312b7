"""Reasons why a combiner makes no sense in a cell; without torch, as plans are made with them."""

from mtbench.api import Cell


def frozen_encoder(cell: Cell) -> str | None:
    """Refuse a combiner of gradients over an encoder that is not trained."""
    if cell.encoder.parameters.get("mode") == "frozen":
        return "a frozen encoder has no shared parameters to combine"
    return None
