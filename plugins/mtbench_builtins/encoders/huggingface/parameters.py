"""Parameters of an encoder of the library transformers."""

from pydantic import Field

from mtbench_builtins.encoders.parameters import CommonParameters


class HuggingFaceParameters(CommonParameters):
    """Where the model comes from; the rest is as in minBERT.

    Attributes:
        checkpoint: a Hub id such as ``"roberta-base"``, a folder in the Hugging Face layout, or
            ``"tiny"``, which mtbench ships.
        revision: branch, tag or commit of the Hub id.
        dropout: every rate within the encoder; None for the checkpoint's own.
    """

    checkpoint: str = Field(min_length=1)
    revision: str | None = Field(None, min_length=1)
