"""Parameters of minBERT, and of the checkpoint that mtbench ships."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mtbench.api import Parameters
from mtbench_builtins.encoders.shipped import TINY

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


class CommonParameters(Parameters):
    """How weights are used, wherever they come from.

    Attributes:
        mode: ``"finetune"``, or ``"frozen"``: the weights stay, and nothing is dropped.
        dropout: rate on hidden states and attention; None for the checkpoint's own (0.1
            without one).
        max_tokens: longest sequence, special tokens included; longer ones are cut. None for
            as many as there are positions.
    """

    mode: Literal["finetune", "frozen"] = "finetune"
    dropout: float | None = Field(None, ge=0, lt=1)
    max_tokens: Length | None = None


class MinBertParameters(CommonParameters):
    """Where the weights come from, and how they are used.

    Attributes:
        checkpoint: ``"tiny"``, which mtbench ships; a folder in the Hugging Face layout; or a
            Hub id such as ``"bert-base-uncased"``. A folder of one's own that is called tiny
            is ``"./tiny"``. None for random weights and the vocabulary of tiny.
        revision: branch, tag or commit of the Hub id.
        layers: transformer layers, without a checkpoint (2); as all below, None with one.
        width: size of the hidden states (128).
        attention_heads: heads of an attention layer (4); they divide the width.
        intermediate: width of a feed-forward layer (512).
        max_positions: positions that have an embedding (512).
    """

    checkpoint: str | None = Field(None, min_length=1)
    revision: str | None = Field(None, min_length=1)
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
        if self.max_tokens is not None and self.max_tokens > shape["max_positions"]:
            raise ValueError(
                f"max_tokens is {self.max_tokens}, but max_positions is {shape['max_positions']}"
            )
        return self

    def shape(self) -> dict[str, int]:
        """Return the shape of a model without a checkpoint; empty with one."""
        return {name: size for name in SHAPE if (size := getattr(self, name)) is not None}


class TinyParameters(CommonParameters):
    """How the checkpoint that mtbench ships is used; its weights and its shape are given."""

    checkpoint: ClassVar[str] = TINY
    revision: ClassVar[None] = None

    @model_validator(mode="before")
    @classmethod
    def _no_other_weights(cls, given: Any) -> Any:
        if isinstance(given, dict):
            of_minbert = MinBertParameters.model_fields.keys() - cls.model_fields.keys()
            others = [name for name in given if name in of_minbert]
            if others:
                raise ValueError(
                    f"{', '.join(others)}: the weights of tiny are given; other ones, and other "
                    'shapes, are of the encoder "minbert"'
                )
        return given

    def shape(self) -> dict[str, int]:
        """Return nothing: a checkpoint has its own shape."""
        return {}


BertParameters = MinBertParameters | TinyParameters
"""Either: both say which checkpoint there is, which shape without one, and how it is used."""
