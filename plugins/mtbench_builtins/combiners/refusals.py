"""Reasons why a combiner makes no sense in a cell; without torch, as plans are made with them."""

from mtbench.api import Cell


def always_one(cell: Cell) -> str | None:
    """Refuse weights that average 1 over a step's tasks where a step has one task."""
    if cell.balancer.parameters.get("group") == 1:
        return "a step has one task, whose weight would always be 1: group = 2 or more"
    return None


def frozen_encoder(cell: Cell) -> str | None:
    """Refuse a combiner of gradients over an encoder that is not trained."""
    if cell.encoder.parameters.get("mode") == "frozen":
        return "a frozen encoder has no shared parameters to combine"
    return None
