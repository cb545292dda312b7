"""Base models for the parameters of components (pydantic)."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mtbench.protocols import Pair, Pooling

Rate = Annotated[float, Field(ge=0, lt=1)]


class Parameters(BaseModel):
    """Parameters of a component: typed, immutable, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class HeadParameters(Parameters):
    """What every head can be given.

    Attributes:
        pooling: how an embedding is taken from the tokens: ``"cls"``, ``"pooler"`` (BERT's dense
            layer and tanh over ``[CLS]``), ``"mean"``, ``"attention"`` (a mean whose weights this
            task learns for itself); None for what the encoder declares.
        pair: ``"separate"``, one embedding a sentence, or ``"joined"``: both sentences in one
            sequence, ``[CLS] a [SEP] b [SEP]``, one embedding; says nothing of one sentence.
        dropout: rate on the embeddings; None for ``train.dropout``.
    """

    pooling: Pooling | None = None
    pair: Pair = "separate"
    dropout: Rate | None = None
