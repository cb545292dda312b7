"""Parameters of minBERT."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mtbench.api import Parameters

Size = Annotated[int, Field(gt=0)]
Length = Annotated[int, Field(ge=8)]

SHAPE = {
    "layers": 2,
    "width": 128,
    "attention_heads": 4,
    "intermediate": 512,
    "max_positions": 512,
}
"""The shape of a model without a checkpoint, where it is not given."""


class MinBertParameters(Parameters):
    """Where the weights come from, and how they are used.

    Attributes:
        checkpoint: a folder in the Hugging Face layout, or a Hub id such as
            ``"bert-base-uncased"``; None for random weights and a small vocabulary of words
            and characters.
        revision: branch, tag or commit of the Hub id.
        mode: ``"finetune"``, or ``"frozen"``: the weights stay, and nothing is dropped.
        dropout: rate on hidden states and attention; None for the checkpoint's own (0.1
            without one).
        max_tokens: longest sequence, special tokens included; longer ones are cut. None for
            as many as there are positions.
        layers: transformer layers, without a checkpoint (2); as all below, None with one.
        width: size of the hidden states (128).
        attention_heads: heads of an attention layer (4); they divide the width.
        intermediate: width of a feed-forward layer (512).
        max_positions: positions that have an embedding (512).
    """

    checkpoint: str | None = Field(None, min_length=1)
    revision: str | None = Field(None, min_length=1)
    mode: Literal["finetune", "frozen"] = "finetune"
    dropout: float | None = Field(None, ge=0, lt=1)
    max_tokens: Length | None = None
    layers: Size | None = None
    width: Size | None = None
    attention_heads: Size | None = None
    intermediate: Size | None = None
    max_positions: Length | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_shape(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("checkpoint") is not None:
            return given
        return given | {
            name: default for name, default in SHAPE.items() if given.get(name) is None
        }

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if self.checkpoint is not None:
            if self.shape():
                raise ValueError(
                    f"{', '.join(self.shape())}: a checkpoint has its own shape; "
                    "give the one or the other"
                )
            return self
        if self.revision is not None:
            raise ValueError("a revision needs the checkpoint that it is a revision of")
        shape = self.shape()
        if shape["width"] % shape["attention_heads"]:
            raise ValueError(
                f"width {shape['width']} is no multiple of {shape['attention_heads']} "
                "attention_heads"
            )
        return self

    def shape(self) -> dict[str, int]:
        """Return the shape of a model without a checkpoint; empty with one."""
        return {name: size for name in SHAPE if (size := getattr(self, name)) is not None}
